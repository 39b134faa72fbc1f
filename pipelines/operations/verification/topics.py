"""Check that each topic is the one that bronze has read, and that Kafka deleted no record unread."""

from __future__ import annotations

from collections.abc import Iterator

from bronze.raw_events import BRONZE
from lakehouse.errors import OutsideError
from pipelines.operations.verification.result import Check
from pipelines.runtime import topics
from pipelines.runtime.job import Job
from pipelines.runtime.kafka_endpoint import bootstrap_servers


def check_topics(job: Job, without_kafka: str = "") -> Iterator[Check]:
    """Every topic, by what the checkpoints say was read.

    Records that a person accepted as lost are counted, and fail nothing. The checks are not done where
    Kafka cannot be asked, or where ``without_kafka`` says already why.
    """
    problems: list[topics.TopicProblem] = []
    if not without_kafka:
        try:
            problems = topics.find_problems(job.settings, bootstrap_servers(job.settings))
        except OutsideError as error:
            without_kafka = error.message
    accepted = topics.accepted_losses(job.settings)
    for name in BRONZE:
        title = f"{name}: Kafka deleted nothing unread"
        if without_kafka:
            yield Check.not_done(title, without_kafka)
            continue
        mine = [problem for problem in problems if problem.topic == name]
        figures = {
            "deleted unread": sum(loss.count for problem in mine for loss in problem.losses),
            "accepted as lost": sum(loss.count for loss in accepted if loss.topic == name),
        }
        yield Check(title, not mine, figures, " ".join(f"{problem.problem} {problem.hint}" for problem in mine))
