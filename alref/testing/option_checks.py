"""What every component promises to say of itself."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path
from unittest import SkipTest

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from alref.components.options import describe_options
from alref.errors import Problem
from alref.models.weights import Weights
from alref.testing.contract import Contract
from alref.testing.imports import HEAVY, import_in_subprocess


class DeclarationContract(Contract):
    """What every component promises to say of itself, before it works."""

    def test_has_a_name_people_can_type(self) -> None:
        """Its name is one word in lower case that people can type.

        Set ``name`` to letters, digits and hyphens, as in ``name = "my-tracker"``.
        """
        name = self.make_component().name
        typed = re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name)
        assert typed, f"expected one word of small letters, digits and hyphens, got name = {name!r}"

    def test_explains_itself_and_every_option(self) -> None:
        """It says in words what it does, and what each of its options does.

        Write a docstring for the class, and ``Field(default, description="…")`` for each option.
        """
        component = self.make_component()
        assert (type(component).__doc__ or "").strip(), f"expected a docstring, got none in {type(component).__name__}"
        fields = type(component.options).model_fields
        undescribed = [name for name, field in fields.items() if not field.description]
        assert not undescribed, f"expected a description for each option, got none for {', '.join(undescribed)}"
        required = [name for name, field in fields.items() if field.is_required()]
        assert not required, f"expected a default for each option, got none for {', '.join(required)}"

    def test_options_survive_json(self) -> None:
        """Its options can be written as JSON and read back unchanged, and have a JSON Schema.

        Use types that pydantic can write as JSON: numbers, words, lists, ``Path``; no arrays, functions or objects.
        """
        options = self.make_component().options
        try:
            describe_options(type(options))
            back = type(options).model_validate(json.loads(options.model_dump_json()))
        except (PydanticSerializationError, ValidationError, ValueError, TypeError) as error:
            raise AssertionError(f"expected options that JSON can hold, got {type(error).__name__}: {error}") from error
        assert back == options, f"expected {options!r} after writing and reading JSON, got {back!r}"

    def test_refuses_unknown_options(self) -> None:
        """It refuses an option that it does not have, so that a misspelt one is never ignored.

        Derive ``Options`` from ``alref.components.base.StageOptions`` and leave ``extra="forbid"`` as it is there.
        """
        try:
            type(self.make_component().options).model_validate({"no_such_option": 1})
        except ValidationError:
            return
        raise AssertionError("expected an error for the unknown option no_such_option, got none")

    def test_has_no_problem_where_it_is_tested(self) -> None:
        """It finds no problem in the place where it is tested.

        Do what the problem says, or make ``make_component`` so that it can work here, for example with a tiny model.
        """
        problems = self.make_component().problems()
        assert isinstance(problems, list), f"expected a list of Problem from problems(), got {problems!r}"
        assert not problems, f"expected no problem here, got {'; '.join(map(str, problems))}"

    def test_says_what_to_install(self) -> None:
        """Where a library is missing it says so with the command that installs it, and nothing breaks.

        In ``problems`` call ``self.find_missing_libraries()`` first and return what it finds, before anything is imported. Each
        problem is an ``alref.errors.Problem``, and its ``hint`` is the command.
        """
        component = self.make_component()
        if not component.needs:
            raise SkipTest("needs = (): the component names no library that could be missing")
        cls = type(component)
        lacking = type(cls.__name__, (cls,), {"needs": ("a_library_that_nobody_has",), "__module__": cls.__module__})
        made = lacking(component.options, component.device)
        for method in ("find_missing_libraries", "problems"):
            found = getattr(made, method)()
            typed = isinstance(found, list) and all(isinstance(problem, Problem) for problem in found)
            assert typed, f"expected a list of Problem from {method}(), got {found!r}"
            steps = [each for each in found if "a_library_that_nobody_has" in each.message and "install" in each.hint]
            assert steps, f"expected {method}() to name a missing library and the command that installs it, got {found!r}"

    def test_lists_the_files_that_it_depends_on(self) -> None:
        """It lists its weights and the files that it reads, so that outputs of other files are never taken for its own.

        Return a list of ``alref.models.weights.Weights`` from ``weights`` and a list of ``pathlib.Path`` from
        ``list_input_files``.
        """
        component = self.make_component()
        for method, kind in (("weights", Weights), ("list_input_files", Path)):
            listed = getattr(component, method)()
            fits = isinstance(listed, list) and all(isinstance(each, kind) for each in listed)
            assert fits, f"expected a list of {kind.__name__} from {method}(), got {listed!r}"

    def test_imports_nothing_heavy(self) -> None:
        """Importing its module imports no heavy library, so that listing components stays quick.

        Import heavy libraries inside the methods that use them, and types under ``if TYPE_CHECKING:``. ``alref.records`` and
        ``alref.testing`` are heavy too.
        """
        found = import_in_subprocess(type(self.make_component()))
        heavy = sorted(found.loaded & set(HEAVY))
        assert not heavy, f"expected nothing heavy to be imported with {found.module}, got {', '.join(heavy)}"

    def test_can_be_pickled_before_it_is_loaded(self) -> None:
        """It can be sent to another process before it is loaded, for distributed runs.

        Define the class at the top of an installed module, and make what cannot be pickled in ``load``, not in ``__init__``.
        """
        component = self.make_component()
        found = import_in_subprocess(type(component))
        if not found.by_name:
            raise SkipTest(f"{found.module}: {found.reason}; a component of a distribution can run in several processes")
        try:
            copy = pickle.loads(pickle.dumps(component))  # noqa: S301 - its own bytes
        except (pickle.PickleError, AttributeError, TypeError, ImportError) as error:
            raise AssertionError(f"expected a component that can be pickled, got {type(error).__name__}: {error}") from error
        for name in ("options", "device"):
            sent, came = getattr(component, name, None), getattr(copy, name, None)
            assert sent == came, f"expected {name} {sent!r} after pickling, got {came!r}"
