// JupyterLab and the packages it is built on are ES modules, which Jest must translate.
const esModules = [
  '@codemirror',
  '@jupyter',
  '@jupyterlab',
  '@lezer',
  '@lumino',
  '@marijn',
  '@microsoft',
  '@rjsf',
  '@tanstack',
  'crelt',
  'exenv-es6',
  'lib0',
  'nanoid',
  'style-mod',
  'vscode-ws-jsonrpc',
  'w3c-keyname',
  'y-protocols',
  'y-websocket',
  'yjs'
];

// Types are checked by `npm run lint:check`; here they are only taken off.
const tsconfig = {
  allowJs: true,
  esModuleInterop: true,
  isolatedModules: true,
  jsx: 'react',
  module: 'commonjs',
  moduleResolution: 'node10',
  target: 'ES2022'
};

module.exports = {
  testEnvironment: './jest.environment.js',
  testRegex: '/src/.*\\.spec\\.tsx?$',
  modulePathIgnorePatterns: ['<rootDir>/lib/'],
  transform: {
    '\\.[cm]?[jt]sx?$': ['ts-jest', { tsconfig, diagnostics: false }],
    '\\.(css|svg)$': './jest.text.js'
  },
  transformIgnorePatterns: [`/node_modules/(?!(${esModules.join('|')})/)`],
  collectCoverageFrom: ['src/**/*.{ts,tsx}', '!src/**/*.d.ts', '!src/**/__tests__/**'],
  coverageReporters: ['text', 'lcov']
};
