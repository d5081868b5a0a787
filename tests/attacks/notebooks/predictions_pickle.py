# tries: writes a pickle that runs a program when it is read
# success: the program has run where the labels are, and ends as scored
# wall: predictions are parsed as data in a sandbox of their own, which has no network and no notebook
# expect: failed output
# predictions: own
import pickle

code = """
import os
with open("/app/output/result", "w") as file:
    file.write('{"scores": {"roc_auc_score": 1.0, "brier_score_loss": 0.0}}')
os._exit(0)
"""


class Run:
    def __reduce__(self):
        return exec, (code,)


with open(f"{output_dir}/predictions.csv", "wb") as file:
    pickle.dump(Run(), file)
