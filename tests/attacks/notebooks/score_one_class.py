# tries: predicts a constant, so that a metric warns with the data in a message
# success: the warning is outside
# wall: what a cell puts out stays in the sandbox's memory and goes with it; the reply has no field for it
# expect: scored
# predictions: own
_test = pq.read_table(f"{data_dir}/test.parquet", columns=["id", "x"]).to_pydict()
ids, xs = _test["id"], _test["x"]


def write(values, form=repr):
    with open(f"{output_dir}/predictions.csv", "w") as file:
        file.write("id,prediction\n")
        file.writelines(f"{i},{form(value)}\n" for i, value in zip(ids, values))


write([0.5] * len(xs))
