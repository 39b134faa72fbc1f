"""Load the settings: conf/base.toml, then conf/<environment>.toml, then the environment."""

from __future__ import annotations

import json
import os
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from lakehouse.errors import UsageError
from lakehouse.object_store import lake_address
from lakehouse.paths import absolute
from lakehouse.table import Table
from pipelines.runtime.kafka_client import read_client_file, with_whole_paths
from producers.contract.pseudonyms import KEY, KEY_FILE
from producers.shop.settings import SHIPPED, conf_folder

CONF = SHIPPED
"""The folder of the settings that this installation ships with."""

_PREFIX = "CLICKSTREAM_"

_NO_SETTINGS = {"CLICKSTREAM_CONF", "CLICKSTREAM_DEBUG", KEY, KEY_FILE}
"""Variables with the prefix that conf/ has no place for."""


def _amount(pattern: str, example: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value, re.IGNORECASE):
            raise PydanticCustomError("amount", f"It is no amount of bytes, as in {example}")
        return value

    return AfterValidator(check)


JavaMemory = Annotated[str, _amount(r"[1-9]\d*[kmgt]", "3g or 1500m")]
SparkBytes = Annotated[str, _amount(r"[1-9]\d*([kmgtp]?b|[kmgtp])?", "512m")]
DuckMemory = Annotated[str, _amount(r"\d+(\.\d+)? ?([kmgt](i?b)?|b|%)", "2GB or 80%")]


Days = Annotated[int, Field(ge=0, le=36_500)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(_Section):
    """Where Kafka is, or how to run the embedded one."""

    bootstrap_servers: str = ""
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    heap: JavaMemory = "512m"
    partitions: Annotated[int, Field(ge=1)] = 2
    most_partitions: Annotated[int, Field(ge=1)] = 1_000
    replication_factor: Annotated[int, Field(ge=1)] = 1
    start_timeout_seconds: Annotated[float, Field(gt=0)] = 60
    patience_seconds: Annotated[float, Field(ge=3)] = 180
    client: dict[str, str] = {}
    client_file: str = ""
    tolerate: tuple[Literal["sender_time", "compaction", "plaintext"], ...] = ()


class SparkSettings(_Section):
    """How Spark is started where spark-submit does not say."""

    master: str = "local[*]"
    driver_memory: JavaMemory = "3g"


class StreamSettings(_Section):
    """How much a batch takes, how often it runs, and how long it has to stop."""

    trigger_seconds: Annotated[float, Field(gt=0)] = 5
    records_per_batch: Annotated[int, Field(ge=1)] = 1_000_000
    bytes_per_batch: SparkBytes = "512m"
    stop_seconds: Annotated[float, Field(gt=0)] = 15


class EngineSettings(_Section):
    """What the jobs do in their own process, and what they leave to Spark."""

    in_process_rows: Annotated[int, Field(ge=0)] = 2_000_000
    in_process_memory: DuckMemory = "2GB"


class UpSettings(_Section):
    """What ``up`` gives to all streams together."""

    driver_memory: JavaMemory = "1500m"
    in_process_memory: DuckMemory = "1GB"
    maintain_every_hours: Annotated[float, Field(ge=0)] = 24


class SessionSettings(_Section):
    """When a session is over."""

    closes_after_minutes: Annotated[float, Field(ge=0)] = 30


class ScoreSettings(_Section):
    """Where new scores of open sessions are published."""

    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,249}$")] = ""


class QualitySettings(_Section):
    """The shares of quarantined records, 0 to 1, that give a warning and a failure."""

    warn: Annotated[float, Field(ge=0, le=1)] = 0.05
    fail: Annotated[float, Field(ge=0, le=1)] = 0.25


class RetentionSettings(_Section):
    """How long rows, runs, Kafka's records and the tables' logs stay; 0 keeps what it may keep."""

    prediction_log_days: Days = 0
    bronze_days: Days = 0
    quarantine_days: Days = 0
    mlflow_run_days: Days = 0
    kafka_days: Days = 0
    log_days: Annotated[int, Field(ge=1, le=36_500)] = 30

    @property
    def kafka_milliseconds(self) -> int:
        """For how long topics that are created here keep records, as Kafka writes it; -1 is for ever."""
        return self.kafka_days * 86_400_000 or -1


class ErasureSettings(_Section):
    """The key by which erased people are known without their ids; one is made where none is given."""

    key: SecretStr = SecretStr("")
    key_file: str = ""


class ModelSettings(_Section):
    """How a model is trained, where the command line does not say."""

    seed: int = 7
    max_depth: Annotated[int, Field(ge=1, le=30)] = 18
    rows_per_leaf: Annotated[int, Field(ge=1)] = 15
    impurity: Literal["gini", "entropy"] = "gini"
    max_categories: Annotated[int, Field(ge=1, le=30)] = 20
    rows_per_category: Annotated[int, Field(ge=1)] = 20
    logistic_regularization: Annotated[float, Field(ge=0)] = 0.001
    search_depths: tuple[Annotated[int, Field(ge=1, le=30)], ...] = (8, 12, 18)
    search_rows_per_leaf: tuple[Annotated[int, Field(ge=1)], ...] = (15, 50)
    search_impurities: tuple[Literal["gini", "entropy"], ...] = ("gini", "entropy")
    search_folds: Annotated[int, Field(ge=2)] = 3
    min_sessions: Annotated[int, Field(ge=2)] = 50
    missed_buyer_costs: Annotated[float, Field(gt=0)] = 4.0
    warn_days: Annotated[int, Field(ge=1)] = 28
    warn_drift: Annotated[float, Field(gt=0)] = 0.25
    warn_calibration: Annotated[float, Field(gt=0)] = 0.1
    warn_precision: Annotated[float, Field(gt=0, le=1)] = 0.7


class Settings(BaseSettings):
    """All settings of one installation."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix=_PREFIX, env_nested_delimiter="__")

    environment: str = "local"
    lake: str = "./lake"
    state: Path = Path("./.clickstream")
    kafka: KafkaSettings = KafkaSettings()
    spark: SparkSettings = SparkSettings()
    stream: StreamSettings = StreamSettings()
    engines: EngineSettings = EngineSettings()
    up: UpSettings = UpSettings()
    sessions: SessionSettings = SessionSettings()
    scores: ScoreSettings = ScoreSettings()
    quality: QualitySettings = QualitySettings()
    retention: RetentionSettings = RetentionSettings()
    erasure: ErasureSettings = ErasureSettings()
    model: ModelSettings = ModelSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The order in which they win, first to last: arguments, environment, its file, base."""
        conf = conf_folder()
        own = conf / f"{os.environ.get(_PREFIX + 'ENVIRONMENT', 'local')}.toml"
        return (
            init_settings,
            EnvSettingsSource(settings_cls, env_nested_delimiter="__"),
            TomlConfigSettingsSource(settings_cls, own),
            TomlConfigSettingsSource(settings_cls, conf / "base.toml"),
        )

    @cached_property
    def lake_root(self) -> str:
        """The lake as an absolute path or a URI, without a slash at its end."""
        return lake_address(self.lake) if "://" in self.lake else str(absolute(self.lake))

    @cached_property
    def state_root(self) -> Path:
        """The state folder as an absolute path."""
        return absolute(self.state)

    def make_folders(self) -> None:
        """Makes the folders of the lake and the state, for their owner alone: what users did is nobody else's."""
        for folder in [self.state_root, *([] if "://" in self.lake_root else [Path(self.lake_root)])]:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)

    @property
    def kafka_home(self) -> Path:
        """The embedded broker's folder."""
        return self.state_root / "kafka"

    @property
    def checkpoints(self) -> Path:
        """The folder of the streams' checkpoints."""
        return self.state_root / "checkpoints"

    def checkpoint(self, table: Table) -> Path:
        """The checkpoint folder of the stream that feeds a table of bronze or silver."""
        return self.checkpoints / table.layer / table.short_name

    @property
    def locks(self) -> Path:
        """The folder of the streams' locks."""
        return self.state_root / "locks"

    @property
    def logs(self) -> Path:
        """The folder of the logs."""
        return self.state_root / "logs"

    @property
    def metrics(self) -> Path:
        """The folder of stream metrics that are not in gold.pipeline_metrics yet."""
        return self.state_root / "metrics"

    @property
    def erasure_home(self) -> Path:
        """The folder of the key, the list and the receipts of erased people."""
        return self.state_root / "erasure"

    @property
    def truth(self) -> Path:
        """The file of what the simulator knew about the demo's sessions; no job reads it."""
        return self.state_root / "truth.jsonl"

    @property
    def mlflow_home(self) -> Path:
        """The folder of the MLflow store."""
        return self.state_root / "mlflow"


def load_settings(**overrides: Any) -> Settings:
    """The settings as they are now.

    Raises UsageError, which names the setting and what is wrong with it.
    """
    environment, conf = os.environ.get(f"{_PREFIX}ENVIRONMENT", "local"), conf_folder()
    known = sorted(path.stem for path in conf.glob("*.toml") if path.stem not in {"base", "shop"})
    if environment not in known:
        raise UsageError(
            f"There is no environment {environment!r}: {conf} has {', '.join(known) or 'none'}.",
            f"Set {_PREFIX}ENVIRONMENT to one of them, or add {conf / environment}.toml.",
        )
    refuse_unknown()
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = _PREFIX + "__".join(str(part) for part in first["loc"]).upper()
        if first["type"] == "extra_forbidden":
            raise UsageError(
                f"There is no setting {name}.", "Fix its name or remove it, in conf/ or in the environment."
            ) from error
        # Never its value: it may be a password, and the message end in a log.
        raise UsageError(
            f"The setting {name} is wrong: {_lower(first['msg'])}.", "Fix it in conf/ or in the environment."
        ) from error
    except ValueError as error:
        if broken := _broken_json(Settings):
            raise UsageError(
                f"{', '.join(broken)} cannot be read: its value has to be JSON, as in "
                """CLICKSTREAM_KAFKA__CLIENT='{"security.protocol": "SSL"}'.""",
                "Fix it in the environment.",
            ) from error
        raise UsageError(f"The settings cannot be read: {error}.", "Fix conf/ or the environment.") from error
    kafka = settings.kafka
    client = {**(read_client_file(absolute(kafka.client_file)) if kafka.client_file else {}), **kafka.client}
    settings = settings.model_copy(update={"kafka": kafka.model_copy(update={"client": with_whole_paths(client)})})
    for name, place in (("LAKE", settings.lake_root), ("STATE", str(settings.state_root))):
        if "://" not in place and (odd := _ODD.search(place)):
            raise UsageError(
                f"The folder {place} has {odd[0]!r} in its path, which the libraries that read Delta tables take for "
                "something else.",
                f"Choose a folder without {odd[0]!r}: {_PREFIX}{name} names it.",
            )
    return settings


_ODD = re.compile(r"%[0-9A-Fa-f]{2}|[\\\[\]^|\x00-\x1f\x7f]")
"""What delta-rs decodes, takes for a separator, or refuses with a panic, in the path of a table."""


def _broken_json(model: type[BaseModel], prefix: str = _PREFIX) -> list[str]:
    """The environment's variables for settings that are no single value, and whose JSON cannot be read."""
    broken = []
    for name, field in model.model_fields.items():
        variable, kind = f"{prefix}{name.upper()}", field.annotation
        is_section = isinstance(kind, type) and issubclass(kind, BaseModel)
        if is_section or get_origin(kind) in (dict, tuple):
            try:
                json.loads(os.environ.get(variable, "null"))
            except ValueError:
                broken.append(variable)
        if is_section:
            broken += _broken_json(cast("type[BaseModel]", kind), f"{variable}__")
    return broken


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def refuse_unknown() -> None:
    """Raises UsageError where an environment variable has the prefix of a setting and is none."""
    unknown = sorted(
        name
        for name in os.environ
        if name.startswith(_PREFIX)
        and name not in _NO_SETTINGS
        and name.removeprefix(_PREFIX).lower().partition("__")[0] not in Settings.model_fields
    )
    if unknown:
        raise UsageError(
            f"{', '.join(unknown)} is no setting.",
            f"The settings are {', '.join(_PREFIX + name.upper() for name in Settings.model_fields)}; "
            "parts of them follow after two underscores, as in CLICKSTREAM_KAFKA__PORT.",
        )
