"""The contract of every component: its name, options, dependencies and files."""

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
    """The contract of what every component declares before it runs."""

    def test_has_a_name_people_can_type(self) -> None:
        """Its name is one lowercase word.

        Set ``name`` to letters, digits and hyphens, as in ``name = "my-tracker"``.
        """
        name = self.make_component().name
        typed = re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name)
        assert typed, f"expected one word of lowercase letters, digits and hyphens, got name = {name!r}"

    def test_explains_itself_and_every_option(self) -> None:
        """It has a docstring, and each of its options has a description and a default.

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
        """Its options survive a round trip through JSON, and have a JSON Schema.

        Use types that pydantic can serialize to JSON: numbers, strings, lists, ``Path``; no arrays, functions or objects.
        """
        options = self.make_component().options
        try:
            describe_options(type(options))
            back = type(options).model_validate(json.loads(options.model_dump_json()))
        except (PydanticSerializationError, ValidationError, ValueError, TypeError) as error:
            raise AssertionError(f"expected options that JSON supports, got {type(error).__name__}: {error}") from error
        assert back == options, f"expected {options!r} after a JSON round trip, got {back!r}"

    def test_refuses_unknown_options(self) -> None:
        """It rejects unknown options, so that a misspelled option is never ignored.

        Derive ``Options`` from ``alref.StageOptions`` and do not change ``extra="forbid"``.
        """
        try:
            type(self.make_component().options).model_validate({"no_such_option": 1})
        except ValidationError:
            return
        raise AssertionError("expected an error for the unknown option no_such_option, got none")

    def test_has_no_problem_where_it_is_tested(self) -> None:
        """It reports no problem on the machine where it is tested.

        Do what the problem says, or override ``make_component`` so that it can run here, for example with a tiny model.
        """
        problems = self.make_component().problems()
        assert isinstance(problems, list), f"expected a list of Problem from problems(), got {problems!r}"
        assert not problems, f"expected no problem here, got {'; '.join(map(str, problems))}"

    def test_says_what_to_install(self) -> None:
        """If a library is missing, it reports the command that installs it instead of raising.

        In ``problems`` call ``self.find_missing_libraries()`` first and return what it finds, before anything is imported. Each
        problem is an ``alref.errors.Problem``, and its ``hint`` is the command.
        """
        component = self.make_component()
        if not component.needs:
            raise SkipTest("needs = (): the component needs no library")
        cls = type(component)
        subclass = type(cls.__name__, (cls,), {"needs": ("a_library_that_nobody_has",), "__module__": cls.__module__})
        made = subclass(component.options, component.device)
        for method in ("find_missing_libraries", "problems"):
            found = getattr(made, method)()
            typed = isinstance(found, list) and all(isinstance(problem, Problem) for problem in found)
            assert typed, f"expected a list of Problem from {method}(), got {found!r}"
            steps = [each for each in found if "a_library_that_nobody_has" in each.message and "install" in each.hint]
            assert steps, f"expected {method}() to name a missing library and the command that installs it, got {found!r}"

    def test_lists_the_files_that_it_depends_on(self) -> None:
        """It lists its weights and input files, so that cached outputs are invalidated when a file changes.

        Return a list of ``alref.Weights`` from ``weights`` and a list of ``pathlib.Path`` from
        ``list_input_files``.
        """
        component = self.make_component()
        for method, kind in (("weights", Weights), ("list_input_files", Path)):
            listed = getattr(component, method)()
            fits = isinstance(listed, list) and all(isinstance(each, kind) for each in listed)
            assert fits, f"expected a list of {kind.__name__} from {method}(), got {listed!r}"

    def test_imports_nothing_heavy(self) -> None:
        """Importing its module imports no heavy library, so that listing components is fast.

        Import heavy libraries inside the methods that use them, and types under ``if TYPE_CHECKING:``. ``alref.records`` and
        ``alref.testing`` are heavy too.
        """
        report = import_in_subprocess(type(self.make_component()))
        heavy = sorted(report.loaded & set(HEAVY))
        assert not heavy, f"expected no heavy import in {report.module}, got {', '.join(heavy)}"

    def test_can_be_pickled_before_it_is_loaded(self) -> None:
        """It can be pickled before it is loaded, for distributed runs.

        Define the class at the top level of an installed module, and create what cannot be pickled in ``load``, not in
        ``__init__``.
        """
        component = self.make_component()
        report = import_in_subprocess(type(component))
        if not report.by_name:
            raise SkipTest(
                f"{report.module}: {report.reason}; install the component as a distribution to run it in several processes"
            )
        try:
            copy = pickle.loads(pickle.dumps(component))  # noqa: S301 - its own bytes
        except (pickle.PickleError, AttributeError, TypeError, ImportError) as error:
            raise AssertionError(f"expected a component that can be pickled, got {type(error).__name__}: {error}") from error
        for name in ("options", "device"):
            before, after = getattr(component, name, None), getattr(copy, name, None)
            assert before == after, f"expected {name} {before!r} after pickling, got {after!r}"
