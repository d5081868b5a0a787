// A receipt's file goes into the form, whether it was chosen or dropped; the form does the rest.
const form = document.querySelector('form.drop');
const text = form.querySelector('textarea');
const file = form.querySelector('input[type=file]');

async function take(chosen) {
  if (!chosen) return;
  text.value = (await chosen.text()).slice(0, 200000);
  form.requestSubmit();
}

form.querySelector('.files').hidden = false;
file.addEventListener('change', () => take(file.files[0]));
for (const name of ['dragover', 'drop']) {
  document.addEventListener(name, event => event.preventDefault());
}
document.addEventListener('dragover', () => form.classList.add('over'));
document.addEventListener('dragleave', () => form.classList.remove('over'));
document.addEventListener('drop', event => {
  form.classList.remove('over');
  take(event.dataTransfer?.files[0]);
});
