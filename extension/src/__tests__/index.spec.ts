import plugin, { localeOf } from '../index';

describe('participant-kit:plugin', () => {
  it('starts by itself', () => {
    expect(plugin.id).toBe('participant-kit:plugin');
    expect(plugin.autoStart).toBe(true);
  });
});

describe('localeOf', () => {
  it.each([
    ['en', 'en'],
    ['de_DE', 'de-DE'],
    ['no language', undefined]
  ])('"%s" is %s to the browser', (language, locale) => {
    expect(localeOf(language)).toBe(locale);
  });
});
