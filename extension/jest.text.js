// Icons and style sheets are imported as text.
module.exports = {
  process: text => ({ code: `module.exports = ${JSON.stringify(text)};` })
};
