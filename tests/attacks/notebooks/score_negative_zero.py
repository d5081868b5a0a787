# tries: writes minus zero where a bit of the data is set
# success: a score's sign outside tells a bit that its value does not
# wall: a score is clipped to its range and rounded to the card's decimals; minus zero is zero
# expect: scored
# predictions: own
_test = pq.read_table(f"{data_dir}/test.parquet", columns=["id", "x"]).to_pydict()
ids, xs = _test["id"], _test["x"]


def write(values, form=repr):
    with open(f"{output_dir}/predictions.csv", "w") as file:
        file.write("id,prediction\n")
        file.writelines(f"{i},{form(value)}\n" for i, value in zip(ids, values))


write([-0.0 if bit == "1" else 0.0 for bit in f"{number:b}" * len(xs)][: len(xs)])
