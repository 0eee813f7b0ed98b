"""Runs of MLflow. Its settings are environment variables: MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME."""

from __future__ import annotations

import os
import re
from time import time

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from alref import FinishedEvaluation, Problem
from alref.errors import format_exception
from alref.output.job_folder import iterate_leaves

KEY_TAG = "alref.key"
MAX_BATCH, MAX_LENGTH = 100, 500
"""Maximum number of parameters of a request, and of characters of a value, that every version accepts."""


def find_problems() -> list[Problem]:
    """Return that runs cannot be recorded where MLFLOW_TRACKING_URI says. Nothing is sent."""
    try:
        MlflowClient()
    except MlflowException as error:
        hint = "export MLFLOW_TRACKING_URI=http://localhost:5000, the address of a server"
        return [Problem(message=format_exception(error), hint=hint)]
    return []


def log_run(evaluation: FinishedEvaluation) -> str:
    """Record a run, or update the one with the key of the evaluation; return its place."""
    client = MlflowClient()
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "alref")
    found = client.get_experiment_by_name(name)
    experiment = found.experiment_id if found else client.create_experiment(name)
    known = client.search_runs([experiment], f"tags.`{KEY_TAG}` = '{evaluation.key}'", max_results=1)
    run = known[0] if known else client.create_run(experiment, tags={KEY_TAG: evaluation.key}, run_name=evaluation.name)
    _log_values(client, run.info.run_id, evaluation)
    for file in evaluation.files:
        client.log_artifact(run.info.run_id, str(file))
    client.set_terminated(run.info.run_id)
    address = client.tracking_uri
    return (
        f"{address}/#/experiments/{experiment}/runs/{run.info.run_id}" if address.startswith("http") else run.info.artifact_uri
    )


def _log_values(client: MlflowClient, run: str, evaluation: FinishedEvaluation) -> None:
    now = int(1000 * time())
    metrics = [Metric(make_metric_name(name), value, now, 0) for name, value in evaluation.numbers.items()]
    about = {"dataset": evaluation.dataset, "split": evaluation.split}
    tags = [RunTag(name, value) for name, value in {**about, **evaluation.versions}.items()]
    client.log_batch(run, metrics=metrics, tags=tags)
    settings = [Param(name, str(value)[:MAX_LENGTH]) for name, value in iterate_leaves(evaluation.config)]
    for start in range(0, len(settings), MAX_BATCH):
        client.log_batch(run, params=settings[start : start + MAX_BATCH])


def make_metric_name(name: str) -> str:
    """Return a name that MLflow allows: ``J&F`` becomes ``J_and_F``."""
    return re.sub(r"[^\w\-. :/]", "_", name.replace("&", "_and_"))
