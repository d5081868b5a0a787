# tries: writes numbers as large as a float can be, so that a metric overflows
# success: a score is out of its range, or its message is outside
# wall: clipping; a metric that is not defined has a word of its own
# expect: failed output metric_undefined
# predictions: own
_test = pq.read_table(f"{data_dir}/test.parquet", columns=["id", "x"]).to_pydict()
ids, xs = _test["id"], _test["x"]


def write(values, form=repr):
    with open(f"{output_dir}/predictions.csv", "w") as file:
        file.write("id,prediction\n")
        file.writelines(f"{i},{form(value)}\n" for i, value in zip(ids, values))


write([1.7e308 if i % 2 else -1.7e308 for i in range(len(xs))])
