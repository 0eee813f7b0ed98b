"""Runs of Weights & Biases. Its settings are environment variables: WANDB_API_KEY, WANDB_PROJECT, WANDB_ENTITY, WANDB_MODE."""

from __future__ import annotations

import os
from pathlib import Path

import wandb

from alref import FinishedEvaluation, Problem
from alref.errors import format_exception

OFFLINE_MODES = ("offline", "dryrun", "disabled")


def find_problems() -> list[Problem]:
    """Return that nobody is logged in. In a terminal, wandb asks for the key first."""
    if os.environ.get("WANDB_MODE") in OFFLINE_MODES:
        return []
    try:
        wandb.login()
    except wandb.Error as error:
        return [Problem(message=format_exception(error), hint="wandb login, or export WANDB_MODE=offline")]
    return []


def log_run(evaluation: FinishedEvaluation) -> str:
    """Record a run whose id is the key of the evaluation; return its address, or its folder if it is offline."""
    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", "alref"),
        dir=os.environ.get("WANDB_DIR", evaluation.folder),
        id=evaluation.key,
        resume="allow",
        name=evaluation.name,
        job_type="evaluation",
        tags=[evaluation.dataset, evaluation.split],
    )
    with run:
        run.config.update(  # type: ignore[no-untyped-call]
            {**evaluation.config, "versions": dict(evaluation.versions)}, allow_val_change=True
        )
        for name, value in evaluation.numbers.items():
            run.summary[name] = value
        run.log({"references": wandb.Table(columns=list(evaluation.columns), data=[list(row) for row in evaluation.rows])})
        for file in evaluation.files:
            run.save(str(file), base_path=str(evaluation.folder), policy="now")
        return run.url or str(Path(run.dir).parent)
