# tries: writes Parquet, with pandas metadata that names a class to be loaded, under the name of a CSV
# success: the class is loaded where the labels are
# wall: predictions are parsed as data in a sandbox of their own, which has no network and no notebook
# expect: failed output
# predictions: own
_test = pq.read_table(f"{data_dir}/test.parquet", columns=["id", "x"]).to_pydict()
ids, xs = _test["id"], _test["x"]


def write(values, form=repr):
    with open(f"{output_dir}/predictions.csv", "w") as file:
        file.write("id,prediction\n")
        file.writelines(f"{i},{form(value)}\n" for i, value in zip(ids, values))


import pyarrow as pa

table = pa.table({"id": ids, "prediction": xs})
pickled = b'{"index_columns": [], "columns": [{"pandas_type": "object", "numpy_type": "os.system"}]}'
pq.write_table(table.replace_schema_metadata({"pandas": pickled, "note": canary}), f"{output_dir}/predictions.csv")
