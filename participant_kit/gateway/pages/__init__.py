"""What people see in a browser: templates filled in by the server, readable without JavaScript.

``page`` fills a template in and answers with it, ``asset`` serves style and scripts. Every page extends
``templates/base.html.j2``. No page has code or style in itself: the content security policy forbids it.
"""
