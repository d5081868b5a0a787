# tries: writes predictions with a thousand digits each, made of the data
# success: the digits are outside
# wall: a score is clipped to its range and rounded to the card's decimals
# expect: scored
# predictions: own
_test = pq.read_table(f"{data_dir}/test.parquet", columns=["id", "x"]).to_pydict()
ids, xs = _test["id"], _test["x"]


def write(values, form=repr):
    with open(f"{output_dir}/predictions.csv", "w") as file:
        file.write("id,prediction\n")
        file.writelines(f"{i},{form(value)}\n" for i, value in zip(ids, values))


write(xs, lambda x: f"{x:.3f}" + str(number) * 60)
