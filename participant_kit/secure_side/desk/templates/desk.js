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
      replace(shown, part);
    }
  }
}, 1000);

// What somebody has chosen there, and where they are with the keyboard, stays.
function replace(shown, part) {
  const focused = shown.contains(document.activeElement) ? document.activeElement.id : '';
  const chosen = [...shown.querySelectorAll('select')].map(each => [each.id, each.value]);
  shown.replaceWith(part);
  for (const [id, value] of chosen) {
    const again = document.getElementById(id);
    if (again) {
      again.value = value;
    }
  }
  if (focused) {
    document.getElementById(focused)?.focus({ preventScroll: true });
  }
}
