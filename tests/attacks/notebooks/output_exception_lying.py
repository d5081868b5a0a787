# tries: sends the kernel's error reply itself, with a list, a number and a long text as the name of the class
# success: the name is outside, or the runner breaks on it
# wall: a failure leaves as stage, cell number and a name of a closed list; anything else is `other`
# expect: failed
kernel = get_ipython().kernel
content = {"ename": canary * 1000, "evalue": canary, "traceback": [canary] * 50}
kernel.session.send(kernel.iopub_socket, "error", content, parent=kernel.get_parent(), ident=kernel.topic("error"))
raise KeyboardInterrupt(canary)
