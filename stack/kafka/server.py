"""One Kafka broker that is its own controller (KRaft), from its published jars.

KafkaMissing: there is no Java or no Maven, or the jars could not be fetched; the message says which.
"""

import base64
import hashlib
import shutil
import uuid
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stack.cache import cached
from stack.missing import ServerMissing
from stack.ports import free_port, listens
from stack.processes import ServerFailed, ServerProcess, run

POM = Path(__file__).with_name("pom.xml")
# A small heap and the quick compiler: a broker for development, up in seconds.
# It counts for no profiler, which would wake it twenty times a second.
JVM = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")

# Ports, folder and listeners stand in the part that each broker gets of its own.
COMMON = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    # One broker holds the only copy of everything.
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    # The controller takes a broker that was killed for gone after this long; until then it does not let it back.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "1000",
    # Members join at once, and tests may choose short session timeouts.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "num.network.threads": "2",
    "num.io.threads": "2",
    "log.cleaner.dedupe.buffer.size": "4194304",
    # Twice a second it would write that nothing happened, for controllers that follow this one: there are none.
    "metadata.max.idle.interval.ms": "0",
}


MAKE_CERTIFICATE = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30")
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"


@dataclass(frozen=True)
class User:
    """Who may come in over TLS."""

    name: str
    password: str


class KafkaMissing(ServerMissing):
    """Kafka cannot be had on this machine."""


class Kafka(ServerProcess):
    """A broker on a free loopback port, with its data in `folder`. Survives `kill` and `start` on the same folder."""

    def __init__(self, folder: Path, user: User | None = None) -> None:
        self.folder = folder
        self.user = user
        self.port, self.secure_port, self.mutual_port = free_port(), free_port(), free_port()
        self.bootstrap_servers = f"127.0.0.1:{self.port}"
        # For `user`, over TLS, with SCRAM-SHA-512; clients trust `certificate_file`.
        self.secure_servers = f"127.0.0.1:{self.secure_port}"
        # For who has a certificate of `client_certificate`, over TLS; there where there is a `user`.
        self.mutual_servers = f"127.0.0.1:{self.mutual_port}"
        self.certificate_file = folder / "certificate.pem"
        self._libraries = libraries()
        super().__init__(
            "kafka",
            [*self._java(), "kafka.Kafka", self._properties],
            log=folder / "kafka.log",
            ready=partial(listens, self.port),
        )

    def given(self) -> dict[str, object]:
        """What `KafkaSettings` is given by who comes in as `user`, over TLS."""
        if self.user is None:
            raise ServerFailed("this Kafka has no user")
        return {
            "bootstrap_servers": self.secure_servers,
            "user": self.user.name,
            "password_file": self._password_file,
            "ca_file": self.certificate_file,
            "replication": 1,
        }

    def launch(self) -> None:
        if not self._properties.exists():
            self._format()
        super().launch()

    def client_certificate(self, name: str) -> tuple[Path, Path]:
        """A certificate of the broker's own authority for a client, made anew, and its key: files in PEM."""
        made, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        authority: list[str | Path] = ["-CA", self.certificate_file, "-CAkey", self._key_file]
        kind = ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=clientAuth"]
        run([*MAKE_CERTIFICATE, "-subj", f"/CN={name}", *kind, *authority, "-keyout", key, "-out", made])
        return made, key

    def tool(self, name: str, *arguments: str) -> str:
        """What one of Kafka's own tools prints, such as `org.apache.kafka.tools.TopicCommand`. Raises ServerFailed."""
        command = [*self._java(), name, "--bootstrap-server", self.bootstrap_servers, *arguments]
        return run(command)

    @property
    def _key_file(self) -> Path:
        return self.folder / "key.pem"

    @property
    def _password_file(self) -> Path:
        return self.folder / "password"

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    def _java(self) -> list[str | Path]:
        return [_program("java"), *JVM, "-cp", f"{self._libraries}/*"]

    def _format(self) -> None:
        """Write the settings, then the storage format that KRaft wants before its first start."""
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self._properties.with_suffix(".draft")
        lines = [f"{key}={value}" for key, value in {**COMMON, **self._own()}.items()]
        draft.write_text("\n".join(lines) + "\n", encoding="utf-8")
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        options: list[str | Path] = ["--ignore-formatted", f"--cluster-id={cluster}", "-c", draft]
        if self.user is not None:
            options.append(f"--add-scram=SCRAM-SHA-512=[name={self.user.name},password={self.user.password}]")
        run([*self._java(), "kafka.tools.StorageTool", "format", *options])
        draft.rename(self._properties)

    def _own(self) -> dict[str, str]:
        controller = free_port()
        brokers = f"PLAINTEXT://127.0.0.1:{self.port}"
        if self.user is not None:
            brokers += f",SASL_SSL://{self.secure_servers},MUTUAL://{self.mutual_servers}"
        return {
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"{brokers},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": brokers,
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,MUTUAL:SSL,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self.folder / "data"),
            **(self._secure() if self.user is not None else {}),
        }

    def _secure(self) -> dict[str, str]:
        """A certificate for this machine, signed by itself, and users that prove themselves by SCRAM."""
        key = self._key_file
        if self.user is not None:
            self._password_file.touch(0o600)
            self._password_file.write_text(self.user.password, encoding="utf-8")
        subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
        run([*MAKE_CERTIFICATE, *subject, "-keyout", key, "-out", self.certificate_file])
        store = self.folder / "keystore.pem"
        store.write_text(key.read_text(encoding="ascii") + self.certificate_file.read_text(encoding="ascii"))
        return {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(store),
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{SCRAM} required;",
            "listener.name.mutual.ssl.client.auth": "required",
            "listener.name.mutual.ssl.truststore.type": "PEM",
            "listener.name.mutual.ssl.truststore.location": str(self.certificate_file),
        }


def libraries() -> Path:
    """The folder of the broker's jars, fetched once by Maven. Raises KafkaMissing."""
    version = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    return cached(f"kafka-{version}", _fetch)


def _fetch(folder: Path) -> None:
    copy = ["dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
    try:
        run([_program("mvn"), "-q", "-B", "-f", POM, *copy])
    except ServerFailed as error:
        raise KafkaMissing(f"Kafka's jars could not be fetched: {error}") from error


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise KafkaMissing(f"Kafka needs {name}, which is not installed: apt-get install openjdk-17-jre-headless maven")
    return found
