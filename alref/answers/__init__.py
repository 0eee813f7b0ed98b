"""Answers of language models: kept once paid for, asked for again by key, replayed without a network."""

from alref.answers.keys import digest, key
from alref.answers.replay import Answers, Replay, opened, read_trace
from alref.answers.store import AnswerStore, default_path, usable

__all__ = ["AnswerStore", "Answers", "Replay", "default_path", "digest", "key", "opened", "read_trace", "usable"]
