"""Makes test/fixtures/datasets: Parquet as datasets are published, written by pyarrow as the Hugging Face hub has it.

    pip install pyarrow && python test/python/makeDatasetFixtures.py

Two row groups, so that reading by group is tested; the rows are those of docs/datasets.md and a few that are wrong.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

root = Path(__file__).parents[1] / "fixtures" / "datasets"


def row(number, **changes):
    given = {
        "video_id": "001",
        "duration": "short",
        "domain": "Knowledge",
        "sub_category": "Humanity & History",
        "url": "https://www.youtube.com/watch?v=fFjv93ACGo8",
        "videoID": "fFjv93ACGo8",
        "question_id": f"001-{number}",
        "task_type": "Counting Problem",
        "question": "How many candles are on the table?",
        "options": ["A. Apples.", "B. Candles.", "C. Berries.", "D. The three kinds are of the same number."],
        "answer": "C",
    }
    return {**given, **changes}


rows = [
    row(1),
    row(2, duration="medium", domain="Sports Competition", answer="A"),
    row(3, duration="long", videoID="N1cdUjctpG8", answer="D"),
    row(4, answer="E"),
    row(5, question=None),
    row(6, options=["A. One.", "B. Two."], answer="B"),
]
root.mkdir(parents=True, exist_ok=True)
pq.write_table(pa.Table.from_pylist(rows), root / "videomme.parquet", row_group_size=2, compression="snappy")
for compression in ["zstd", "gzip", "brotli", "lz4"]:
    pq.write_table(pa.Table.from_pylist(rows[:1]), root / f"{compression}.parquet", compression=compression)
