"""Story tests (``stories/``): what callers say, the intent it is taken for, and every action that follows."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import structlog
from rasa.core.agent import Agent
from rasa.core.test import test as evaluate_stories

from tests.dialogue.model import newest_model

STORIES = Path(__file__).resolve().parent / "stories"


def test_every_story_goes_as_told(tmp_path: Path) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    agent = Agent.load(str(newest_model()))
    report = asyncio.run(
        evaluate_stories(str(STORIES), agent, out_directory=str(tmp_path), disable_plotting=True, errors=True)
    )
    accuracy = report["report"]["conversation_accuracy"]
    failed = tmp_path / "failed_test_stories.yml"
    assert accuracy["correct"] == accuracy["total"], failed.read_text()
