# tries: looks for the target, or for rows of the test table, in everything that it was given
# success: labels stand in metadata, statistics, other columns or the training table
# wall: the test table is written without the target, and no row of it is in the training table
# expect: scored
test = pq.ParquetFile(f"{data_dir}/test.parquet")
if "ill" in test.schema_arrow.names or b"labels" in str(test.schema_arrow.metadata).encode():
    leaked.append("the target")
if set(test.read(["id"])["id"].to_pylist()) & set(train["id"].to_pylist()):
    leaked.append("rows of the test table")
if sorted(os.listdir(data_dir)) != ["test.parquet", "train.parquet"]:
    leaked.append(os.listdir(data_dir))
