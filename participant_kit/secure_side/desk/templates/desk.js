// Brings each part up to date when it has changed. Without it, the page is as it was when it was opened.
let known = '';
setInterval(async () => {
  const answer = await fetch('/', { headers: { 'If-None-Match': known } }).catch(() => null);
  if (!answer || answer.status === 304) {
    return;
  }
  if (!answer.ok) {
    location.reload();
    return;
  }
  known = answer.headers.get('ETag');
  const now = new DOMParser().parseFromString(await answer.text(), 'text/html');
  for (const part of now.querySelectorAll('section')) {
    const shown = document.getElementById(part.id);
    if (shown.textContent !== part.textContent) {
      shown.replaceWith(part);
    }
  }
}, 1000);
