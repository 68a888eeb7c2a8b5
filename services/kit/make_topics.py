"""`python -m services.kit.make_topics`: make the topics on Kafka, as the registry `proto/topics.yaml` says.

To be run before the services of a new version start, as a user who may make and describe topics. What is there already
is compared with the registry; a difference is told and left as it is, for a person to decide on.
"""

import structlog

from services.kit.exits import told
from services.kit.kafka import KafkaSettings, ensure_topics
from services.kit.telemetry import configure_logging

log = structlog.get_logger()


def main() -> None:
    """Make what is missing; ends with an exit code and one sentence when it cannot."""
    configure_logging()
    with told("frottis make_topics"):
        drifts = ensure_topics(KafkaSettings.load())
        for drift in drifts:
            log.warning("a topic is not as the registry says", topic=drift.topic, difference=str(drift))
        log.info("topics are there", differences=len(drifts))


if __name__ == "__main__":
    main()
