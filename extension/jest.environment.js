const { TestEnvironment } = require('jest-environment-jsdom');

class Observer {
  observe() {}
  unobserve() {}
  disconnect() {}
}

/** jsdom, with what JupyterLab needs at import or first use and jsdom lacks. */
module.exports = class extends TestEnvironment {
  async setup() {
    await super.setup();
    const page = this.global;
    for (const name of ['fetch', 'Headers', 'Request', 'Response', 'TextDecoder', 'TextEncoder']) {
      page[name] = globalThis[name];
    }
    page.structuredClone = structuredClone;
    page.DragEvent ??= class extends page.MouseEvent {};
    page.IntersectionObserver ??= class extends Observer {};
    page.ResizeObserver ??= class extends Observer {};
    page.matchMedia ??= media => ({ matches: false, media, addEventListener() {}, removeEventListener() {} });
    page.navigator.clipboard ??= { writeText: async () => {} };
    page.Element.prototype.scrollIntoView ??= () => {};
  }
};
