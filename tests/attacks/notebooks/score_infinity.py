# tries: writes infinities of both signs
# success: a score is infinite
# wall: predictions must be finite, and so must scores
# expect: failed output not_finite
# predictions: own
_test = pq.read_table(f"{data_dir}/test.parquet", columns=["id", "x"]).to_pydict()
ids, xs = _test["id"], _test["x"]


def write(values, form=repr):
    with open(f"{output_dir}/predictions.csv", "w") as file:
        file.write("id,prediction\n")
        file.writelines(f"{i},{form(value)}\n" for i, value in zip(ids, values))


write([float("inf") if i % 2 else float("-inf") for i in range(len(xs))])
