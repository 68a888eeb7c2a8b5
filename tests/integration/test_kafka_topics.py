"""The topics on the cluster against the registry, read with Kafka's own tool."""

import re
from dataclasses import replace

import pytest

from services.kit.contracts import Tile
from services.kit.errors import TransientError
from services.kit.kafka import KafkaTransport, ensure_topics
from services.kit.transport import Outgoing

TOPICS = "org.apache.kafka.tools.TopicCommand"


def test_topics_are_as_the_registry_says_and_stay_so_when_asked_again(cluster):
    registry = {"tiles": replace(cluster.registry["tiles"], name="cuts", partitions=5, retention_h=7)}
    settings = cluster.settings()
    assert ensure_topics(settings, registry={"cuts": registry["tiles"]}) == []
    assert ensure_topics(settings, registry={"cuts": registry["tiles"]}) == []
    described = cluster.server.tool(TOPICS, "--describe", "--topic", f"{cluster.prefix}cuts")
    assert re.search(r"PartitionCount: 5\s+ReplicationFactor: 1", described)
    assert "retention.ms=25200000" in described
    assert "cleanup.policy=delete" in described


def test_a_topic_that_differs_is_told_and_left_as_it_is(cluster):
    changed = replace(cluster.registry["tiles"], partitions=7, retention_h=1)
    drift = ensure_topics(cluster.settings(), registry={"tiles": changed})
    assert [str(difference) for difference in drift] == [
        f"topic {cluster.prefix}tiles: number of partitions is 2, and the registry says 7",
        f"topic {cluster.prefix}tiles: retention.ms is 604800000, and the registry says 3600000",
    ]
    assert ensure_topics(cluster.settings(), cluster.registry) == []


def test_no_topic_is_made_by_using_it(cluster):
    registry = {"strange": replace(cluster.registry["tiles"], name="strange")}
    transport = KafkaTransport(cluster.settings(delivery_timeout_s=2.0), registry)
    consumer = transport.consumer("analysis", ["strange"])
    with pytest.raises(TransientError):
        transport.producer().send([Outgoing("strange", "k", Tile())])
    assert consumer.poll(1, 0.2) == []
    assert transport.waits_for() is not None
    transport.close()
    assert f"{cluster.prefix}strange" not in cluster.server.tool(TOPICS, "--list")
