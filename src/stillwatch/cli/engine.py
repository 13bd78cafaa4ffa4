"""The options that choose an engine, the same for every command that reads logs."""

from dataclasses import replace
from typing import Annotated

import typer

from stillwatch.config import ENGINES, Config
from stillwatch.engines.spark.options import SparkOptions
from stillwatch.errors import ConfigError

EngineOption = Annotated[
    str | None,
    typer.Option("--engine", help="local (this machine) or spark (a cluster). [local]"),
]
MasterOption = Annotated[
    str | None,
    typer.Option("--master", help="Spark's master URL; else what spark-submit says, or local[*]."),
]
SparkConfOption = Annotated[
    list[str] | None,
    typer.Option("--spark-conf", help="A setting of Spark, NAME=VALUE; repeatable."),
]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", help="Let Spark write its log to the terminal.")
]


def with_engine(
    settings: Config,
    engine: str | None,
    master: str | None,
    conf: list[str] | None,
    verbose: bool,
) -> Config:
    """The settings with what the options say; raises ``ConfigError`` where they do not fit."""
    if engine is not None and engine not in ENGINES:
        raise ConfigError(f"there is no engine {engine!r}", hint=f"one of {', '.join(ENGINES)}")
    if engine == "local":
        settings = replace(settings, spark=None)
    elif engine == "spark" and settings.spark is None:
        settings = replace(settings, spark=SparkOptions())
    if settings.spark is None:
        if master or conf:
            raise ConfigError("--master and --spark-conf need --engine spark", hint="add it")
        return settings
    given = tuple(_pair(each) for each in conf or ())
    spark = replace(
        settings.spark,
        master=master or settings.spark.master,
        conf=(*settings.spark.conf, *given),
        verbose=verbose,
    )
    return replace(settings, spark=spark)


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.startswith("spark."):
        raise ConfigError(
            f"--spark-conf {text!r} is no setting of Spark",
            hint="for example spark.executor.memory=8g",
        )
    return name, value
