# tries: glues the data to the notebook, as scrapbook does, and names papermill's own metadata
# success: the record is outside
# wall: what a cell puts out stays in the sandbox's memory and goes with it; the reply has no field for it
# expect: scored
from IPython.display import display

for kind in ("application/papermill.record+json", "application/scrapbook.scrap.json+json"):
    bundle = {kind: {"name": canary, "data": canary, "encoder": "json", "version": 1}}
    display(bundle, raw=True, metadata={"papermill": {"exception": canary}, "scrapbook": {"name": canary}})
