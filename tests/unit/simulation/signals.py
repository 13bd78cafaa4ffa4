"""Obvious signals per account, as a naive detector would compute them from the files."""

from pathlib import Path

import polars as pl

_FLAGS = ("logprobs", "reasoning", "stream")
_GAPS = (
    "end_user_id", "conversation_id", "turn", "system_prompt", "max_tokens", "temperature", "top_p",
    "choices", "response_format", "client_ip", "user_agent", "tls_fingerprint", "organization_id",
)  # fmt: skip
_ACCOUNT_GAPS = (
    "email",
    "phone",
    "payment_fingerprint",
    "device_fingerprint",
    "signup_ip",
    "organization_name",
)


def signals(world: Path) -> pl.DataFrame:
    """One row per account that sent something: ``hostile`` and one column per signal."""
    events = pl.read_parquet(world / "events" / "*.parquet")
    accounts = pl.read_parquet(world / "accounts.parquet")
    labels = pl.read_parquet(world / "labels.parquet")
    table = _traffic(events).join(_crowding(events), "account_id", how="left")
    table = table.join(_sign_up(accounts), "account_id")
    truth = labels.select("account_id", (pl.col("label") == "distillation").alias("hostile"))
    return table.join(truth, "account_id").drop("account_id")


def _traffic(events: pl.DataFrame) -> pl.DataFrame:
    hour = pl.col("timestamp").dt.hour()
    prompt = pl.col("prompt")
    words = prompt.str.split(" ").list.head(4).list.join(" ")
    per_hour = events.group_by("account_id", hour.alias("hour")).len()
    entropy = per_hour.group_by("account_id").agg(pl.col("len").entropy().alias("hour_entropy"))
    gaps = (
        events.sort("timestamp")
        .group_by("account_id")
        .agg(pl.col("timestamp").diff().dt.total_seconds().cast(pl.Float64).alias("gap"))
        .select(
            "account_id",
            pl.col("gap").list.median().alias("median_gap"),
            (pl.col("gap").list.std() / pl.col("gap").list.mean()).alias("burstiness"),
        )
    )
    return (
        events.group_by("account_id")
        .agg(
            pl.len().alias("volume"),
            pl.col("timestamp").dt.date().n_unique().alias("active_days"),
            (pl.len() / pl.col("timestamp").dt.date().n_unique()).alias("events_per_day"),
            (prompt.n_unique() / pl.len()).alias("distinct_prompts"),
            (pl.col("turn").fill_null(0) == 0).mean().alias("first_turns"),
            prompt.str.len_chars().mean().alias("prompt_length"),
            prompt.str.len_chars().std().alias("prompt_length_spread"),
            (words.n_unique() / pl.len()).alias("opening_variety"),
            (words.unique_counts().max() / pl.len()).alias("opening_concentration"),
            hour.is_between(0, 5).mean().alias("night_share"),
            (pl.col("timestamp").dt.weekday() > 5).mean().alias("weekend_share"),
            pl.col("max_tokens").mean().alias("max_tokens"),
            (pl.col("response_format") != "text").mean().alias("json_share"),
            pl.col("temperature").mean().alias("temperature"),
            (pl.col("tools") > 0).mean().alias("tools_share"),
            pl.col("output_tokens").mean().alias("output_tokens"),
            pl.col("input_tokens").mean().alias("input_tokens"),
            (pl.col("choices") > 1).mean().alias("choices_share"),
            (pl.col("finish_reason") == "length").mean().alias("cut_share"),
            (pl.col("operation") == "batch").mean().alias("batch_share"),
            pl.col("model").is_in(["aster-3"]).mean().alias("new_model_share"),
            pl.col("model").is_in(["aster-2-mini"]).mean().alias("small_model_share"),
            pl.col("model").n_unique().alias("models"),
            pl.col("client_ip").n_unique().alias("addresses"),
            pl.col("country").n_unique().alias("countries"),
            (prompt.str.contains("(?i)step|reason")).mean().alias("step_words"),
            (prompt.str.contains("(?i)score|rubric|grade|criteri")).mean().alias("grade_words"),
            (prompt.str.contains(r"[^\x00-\x{024F}–—„“”’]")).mean().alias("other_scripts"),
            *(pl.col(name).cast(pl.Float64).mean().alias(f"{name}_share") for name in _FLAGS),
            *(pl.col(name).is_null().mean().alias(f"{name}_missing") for name in _GAPS),
        )
        .join(entropy, "account_id")
        .join(gaps, "account_id")
    )


def _crowding(events: pl.DataFrame) -> pl.DataFrame:
    """How many accounts share what the account uses."""
    per_ip = (
        events.drop_nulls("client_ip")
        .group_by("client_ip")
        .agg(pl.col("account_id").n_unique().alias("n"))
    )
    shared = (
        events.join(per_ip, "client_ip")
        .group_by("account_id")
        .agg(pl.col("n").max().alias("accounts_per_address"))
    )
    per_prompt = events.group_by("prompt").agg(pl.col("account_id").n_unique().alias("n"))
    common = (
        events.join(per_prompt, "prompt")
        .group_by("account_id")
        .agg((pl.col("n") > 1).mean().alias("prompts_others_sent"))
    )
    opening = pl.col("prompt").str.split(" ").list.head(4).list.join(" ")
    opened = events.select("account_id", opening.alias("opening"))
    per_opening = opened.group_by("opening").agg(pl.col("account_id").n_unique().alias("n"))
    popular = (
        opened.join(per_opening, "opening")
        .group_by("account_id")
        .agg(pl.col("n").mean().alias("opening_popularity"))
    )
    return common.join(shared, "account_id", how="left").join(popular, "account_id")


def _sign_up(accounts: pl.DataFrame) -> pl.DataFrame:
    def crowd(name: str) -> pl.Expr:
        known = pl.col(name).is_not_null()
        return pl.when(known).then(pl.len().over(name)).alias(f"accounts_per_{name}")

    return accounts.select(
        "account_id",
        pl.col("created_at").dt.epoch("s").alias("created_at"),
        pl.len().over(pl.col("created_at").dt.date()).alias("sign_ups_that_day"),
        crowd("payment_fingerprint"),
        crowd("device_fingerprint"),
        crowd("signup_ip"),
        pl.col("verified").cast(pl.Float64).alias("verified"),
        (pl.col("status") == "banned").cast(pl.Float64).alias("banned"),
        *((pl.col("access_path") == name).cast(pl.Float64).alias(f"path_{name}")
          for name in ("self_serve", "education", "research_programme", "enterprise", "reseller")),
        *(pl.col(name).is_null().cast(pl.Float64).alias(f"{name}_missing") for name in _ACCOUNT_GAPS),
    )  # fmt: skip
