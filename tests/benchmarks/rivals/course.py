"""The way that courses teach: from_json to Parquet, then a batch job that groups. Without a contract.

What it does not promise:

- the bytes: what from_json cannot read becomes nulls, and rows without a user are dropped without a trace;
- the contract: a last key wins over an earlier one, text behind the object is ignored, prices are not looked at;
- duplicates, exactly once for the batch jobs, locks, recovery, an audit: none. Its streams alone keep a checkpoint;
- gold: three tables, made again as a whole each time.

Run: python -m tests.benchmarks.rivals.course BOOTSTRAP_SERVERS FOLDER
"""

from __future__ import annotations

import sys
from functools import reduce
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

TOPICS = ("page_views", "clicks", "interactions")
SCHEMA = (
    "user_id STRING, session_id STRING, page_url STRING, referrer_url STRING, category STRING, price DOUBLE, "
    "element_id STRING, interaction_type STRING, details STRING, x_coord DOUBLE, y_coord DOUBLE, timestamp STRING"
)


def parsed(values: DataFrame) -> DataFrame:
    """The columns of the JSON in ``value``."""
    event = F.from_json(F.col("value").cast("string"), SCHEMA)
    return (
        values.select(event.alias("event"))
        .select("event.*")
        .withColumn("event_at", F.expr("try_to_timestamp(timestamp)"))
        .where("user_id IS NOT NULL AND session_id IS NOT NULL AND event_at IS NOT NULL")
    )


def kafka_to_parquet(spark: SparkSession, servers: str, folder: Path) -> None:
    """Appends what Kafka holds to one folder of Parquet per topic, by a stream that ends when it is through."""
    for topic in TOPICS:
        reader = spark.readStream.format("kafka").option("kafka.bootstrap.servers", servers)
        records = reader.option("subscribe", topic).option("startingOffsets", "earliest").load()
        query = (
            parsed(records)
            .writeStream.format("parquet")
            .option("checkpointLocation", str(folder / "checkpoints" / topic))
            .trigger(availableNow=True)
            .start(str(folder / topic))
        )
        query.awaitTermination()


def bronze_to_parquet(spark: SparkSession, bronze: Path, folder: Path) -> None:
    """The same from tables that hold the bytes."""
    for topic in TOPICS:
        parsed(spark.read.format("delta").load(str(bronze / topic))).write.parquet(str(folder / topic))


def gold(tables: list[DataFrame], folder: Path) -> None:
    """Groups all events by session, by user, and by day and category."""
    columns = ("user_id", "session_id", "page_url", "category", "price", "event_at", "element_id", "interaction_type")
    of_all = [
        table.select(
            *(F.col(one) if one in table.columns else F.lit(None).cast("string").alias(one) for one in columns)
        )
        for table in tables
    ]
    events = reduce(DataFrame.unionByName, of_all)
    is_purchase = F.col("element_id") == "btn_buy"
    bought, revenue = F.count_if(is_purchase), F.sum(F.when(is_purchase, F.col("price")))
    sessions = events.groupBy("user_id", "session_id").agg(
        F.count("*").alias("events"),
        F.count_if(F.col("interaction_type") == "add_to_cart").alias("cart_adds"),
        F.countDistinct("page_url").alias("distinct_pages"),
        bought.alias("purchases"),
        revenue.alias("revenue"),
        F.min("event_at").alias("started_at"),
        F.max("event_at").alias("ended_at"),
    )
    users = events.groupBy("user_id").agg(
        F.countDistinct("session_id").alias("sessions"), bought.alias("purchases"), revenue.alias("spend")
    )
    categories = events.groupBy(F.to_date("event_at").alias("day"), "category").agg(
        F.count("*").alias("events"), bought.alias("purchases"), revenue.alias("revenue")
    )
    for name, rows in {"sessions": sessions, "users": users, "category_performance": categories}.items():
        rows.write.mode("overwrite").parquet(str(folder / name))


def main(servers: str, folder: Path) -> None:
    """From Kafka to gold, once, in a Spark of its own."""
    from pipelines.runtime.job import open_job
    from pipelines.runtime.settings import load_settings

    spark = open_job("course", load_settings(lake=str(folder), state=folder / "state")).spark
    kafka_to_parquet(spark, servers, folder / "events")
    gold([spark.read.parquet(str(folder / "events" / topic)) for topic in TOPICS], folder / "gold")
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
