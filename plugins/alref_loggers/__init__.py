"""Loggers: record a finished evaluation in Weights & Biases, in MLflow, or as a model card of the Hugging Face Hub."""

from __future__ import annotations

import alref
from alref import EvaluationLogger, FinishedEvaluation, Problem


class WandbLogger(EvaluationLogger):
    """Weights & Biases: configuration, metrics, the table of references, and the report of an evaluation as one run."""

    name = "wandb"
    extra = "wandb"
    needs = ("wandb",)

    def problems(self) -> list[Problem]:
        """Return missing libraries, or that there is no key to log in with."""
        if missing := super().problems():
            return missing
        from alref_loggers import _wandb

        return _wandb.find_problems()

    def log_evaluation(self, evaluation: FinishedEvaluation) -> str:
        """Record a run in the project WANDB_PROJECT, default ``alref``; return its address, or its folder if offline."""
        from alref_loggers import _wandb

        return _wandb.log_run(evaluation)


class MlflowLogger(EvaluationLogger):
    """MLflow: configuration, metrics, and the files of an evaluation as one run."""

    name = "mlflow"
    extra = "mlflow"
    needs = ("mlflow",)

    def problems(self) -> list[Problem]:
        """Return missing libraries, or that runs cannot be recorded where MLFLOW_TRACKING_URI says."""
        if missing := super().problems():
            return missing
        from alref_loggers import _mlflow

        return _mlflow.find_problems()

    def log_evaluation(self, evaluation: FinishedEvaluation) -> str:
        """Record a run in the experiment MLFLOW_EXPERIMENT_NAME, default ``alref``; return its place."""
        from alref_loggers import _mlflow

        return _mlflow.log_run(evaluation)


class ModelCardLogger(EvaluationLogger):
    """A model card of the Hugging Face Hub, README.md: the metrics as a table and as results that the Hub shows."""

    name = "model-card"
    extra = "model-card"
    needs = ("huggingface_hub",)

    def log_evaluation(self, evaluation: FinishedEvaluation) -> str:
        """Write ``README.md`` to the folder of the evaluation; return its path."""
        from alref_loggers import _model_card

        return _model_card.write_card(evaluation)


@alref.hookimpl
def register_loggers() -> list[type[EvaluationLogger]]:
    """Register the loggers."""
    return [WandbLogger, MlflowLogger, ModelCardLogger]
