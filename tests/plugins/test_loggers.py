"""The shipped loggers record evaluations that the libraries' own readers find, without a network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from alref.components.logger import EvaluationLogger, FinishedEvaluation
from alref.testing import LoggerContract, make_finished_evaluation
from alref_loggers import MlflowLogger, ModelCardLogger, WandbLogger
from support.wandb_runs import read_wandb_run

pytestmark = pytest.mark.filterwarnings("ignore")  # those of the libraries


@pytest.fixture(autouse=True)
def local_trackers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Wandb offline, and MLflow in a folder."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    for name in ("WANDB_DIR", "WANDB_PROJECT", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module", autouse=True)
def end_service() -> Iterator[None]:
    """End the process that wandb starts."""
    yield
    import wandb

    wandb.teardown()


class TestWandbContract(LoggerContract):
    def make_logger(self) -> EvaluationLogger:
        return WandbLogger()


class TestMlflowContract(LoggerContract):
    def make_logger(self) -> EvaluationLogger:
        return MlflowLogger()


class TestModelCardContract(LoggerContract):
    def make_logger(self) -> EvaluationLogger:
        return ModelCardLogger()


@pytest.fixture
def evaluation(tmp_path: Path) -> FinishedEvaluation:
    folder = tmp_path / "mine"
    folder.mkdir()
    return make_finished_evaluation(folder)


def test_an_offline_run_of_wandb_holds_metrics_settings_table_and_report(evaluation: FinishedEvaluation) -> None:
    import wandb

    place = Path(WandbLogger().log_evaluation(evaluation))
    wandb.teardown()  # writes the rest of the file, as at the end of a process
    run = read_wandb_run(place)
    assert run["run"] == {"id": evaluation.key, "project": "alref", "tags": ["squares", "valid"]}
    assert run["summary"]["overlap/J&F"] == 0.625
    assert (run["summary"]["overlap/J&F_low"], run["summary"]["dollars"]) == (0.5, 0.25)
    assert (run["summary"]["overlap/J&F_mean"], run["summary"]["overlap/J&F_std"]) == (0.62, 0.01)
    assert run["config"]["temporal"] == {"use": "rules", "votes": 1}
    (table,) = place.glob("files/media/table/*.json")
    assert json.loads(table.read_text())["data"] == [list(row) for row in evaluation.rows]
    assert (place / "files/report.html").read_bytes() == evaluation.files[0].read_bytes()


def test_wandb_without_a_key_is_a_problem_before_anything_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path))
    (problem,) = WandbLogger().problems()
    assert "wandb login" in problem.hint


def test_a_run_of_mlflow_holds_metrics_settings_and_files_and_is_updated(evaluation: FinishedEvaluation) -> None:
    from mlflow import MlflowClient

    MlflowLogger().log_evaluation(evaluation)
    MlflowLogger().log_evaluation(evaluation)
    client = MlflowClient()
    experiment = client.get_experiment_by_name("alref")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert (run.data.metrics["overlap/J_and_F"], run.data.metrics["overlap/J_and_F_high"]) == (0.625, 0.75)
    assert run.data.params["temporal.use"] == "rules"
    assert (run.data.tags["dataset"], run.data.tags["split"]) == ("squares", "valid")
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["report.html"]


def test_mlflow_that_refuses_its_store_is_a_problem_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE")
    (problem,) = MlflowLogger().problems()
    assert "MLFLOW_TRACKING_URI" in problem.hint


def test_a_model_card_holds_the_results_that_the_hub_reads(evaluation: FinishedEvaluation) -> None:
    card = ModelCard.load(ModelCardLogger().log_evaluation(evaluation))
    results = {each.metric_type: each for each in card.data.eval_results}
    assert set(results) == {"overlap/J&F", "overlap/J", "overlap/F", "overlap/dropped"}
    assert (results["overlap/J&F"].metric_value, results["overlap/dropped"].metric_value) == (62.5, 1.0)
    assert (results["overlap/J"].dataset_type, results["overlap/J"].dataset_split) == ("squares", "valid")
    assert "| overlap | J&F | 62.50 | 50.0 to 75.0 | 62.00 ± 1.00 |" in card.text
