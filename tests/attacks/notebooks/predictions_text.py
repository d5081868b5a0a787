# tries: writes the data as predictions
# success: the message about the wrong type quotes it outside
# wall: a failure leaves as stage, cell number and a name of a closed list; anything else is `other`
# expect: failed output wrong_type
# predictions: own
_test = pq.read_table(f"{data_dir}/test.parquet", columns=["id", "x"]).to_pydict()
ids, xs = _test["id"], _test["x"]


def write(values, form=repr):
    with open(f"{output_dir}/predictions.csv", "w") as file:
        file.write("id,prediction\n")
        file.writelines(f"{i},{form(value)}\n" for i, value in zip(ids, values))


write(xs, lambda x: canary)
