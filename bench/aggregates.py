"""Seventeen plain aggregates per account, by Polars or DuckDB: what a query engine would do.

No tokens, shingles, phrases, embeddings, sketches or links: a floor, not an equal.

    python bench/aggregates.py polars|duckdb LOG_FOLDER
"""

import sys
from pathlib import Path

import duckdb
import polars as pl

SQL = """
select account_id, count(*), epoch_us(min(timestamp)), epoch_us(max(timestamp)), count(distinct prompt),
  avg(length(prompt)), stddev(length(prompt)), count(distinct model), count(distinct client_ip),
  count(distinct user_agent), avg(input_tokens), avg(output_tokens), avg(temperature),
  avg(case when turn = 0 then 1 else 0 end), count(distinct conversation_id),
  avg(case when logprobs then 1 else 0 end), count(distinct substring(prompt, 1, 40)),
  count(distinct (epoch_us(timestamp) // 3600000000) % 24)
from read_parquet(?) group by account_id
"""


def by_polars(files: str) -> int:
    c = pl.col
    frame = (
        pl.scan_parquet(files)
        .group_by("account_id")
        .agg(
            pl.len(),
            c("timestamp").min().alias("first"),
            c("timestamp").max().alias("last"),
            c("prompt").n_unique(),
            c("prompt").str.len_bytes().mean().alias("length"),
            c("prompt").str.len_bytes().std().alias("length_std"),
            c("model").n_unique(),
            c("client_ip").n_unique(),
            c("user_agent").n_unique(),
            c("input_tokens").mean(),
            c("output_tokens").mean(),
            c("temperature").mean(),
            (c("turn") == 0).mean(),
            c("conversation_id").n_unique(),
            c("logprobs").mean(),
            c("prompt").str.slice(0, 40).n_unique().alias("openings"),
            c("timestamp").dt.hour().n_unique().alias("hours"),
        )
        .collect(engine="streaming")
    )
    return frame.height


def by_duckdb(files: str) -> int:
    return len(duckdb.execute(SQL, [files]).fetchall())


if __name__ == "__main__":
    engine, folder = sys.argv[1:]
    files = str(Path(folder) / "*.parquet")
    print({"polars": by_polars, "duckdb": by_duckdb}[engine](files), "accounts")
