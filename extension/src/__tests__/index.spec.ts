import plugin from '../index';

describe('participant-kit:plugin', () => {
  it('starts by itself', () => {
    expect(plugin.id).toBe('participant-kit:plugin');
    expect(plugin.autoStart).toBe(true);
  });
});
