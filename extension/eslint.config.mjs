import js from '@eslint/js';
import jupyter from '@jupyter/eslint-plugin';
import prettier from 'eslint-config-prettier';
import reactHooks from 'eslint-plugin-react-hooks';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

export default defineConfig([
  { ignores: ['coverage', 'lib', 'node_modules'] },
  js.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [
      tseslint.configs.strictTypeChecked,
      tseslint.configs.stylisticTypeChecked,
      jupyter.configs.recommended
    ],
    plugins: { jupyter, 'react-hooks': reactHooks },
    languageOptions: { parserOptions: { project: './tsconfig.test.json' } },
    rules: {
      'react-hooks/rules-of-hooks': 'error',
      'react-hooks/exhaustive-deps': 'error',
      // Lumino's signals take a method and its object; what starts with the page is imported with it.
      '@typescript-eslint/unbound-method': 'off',
      'jupyter/prefer-lazy-imports': 'off',
      curly: 'error',
      eqeqeq: 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }]
    }
  },
  {
    files: ['src/__tests__/**'],
    rules: { 'jupyter/no-untranslated-string': 'off' }
  },
  {
    files: ['*.js', 'style/*.js'],
    languageOptions: {
      globals: {
        globalThis: 'readonly',
        module: 'readonly',
        require: 'readonly',
        structuredClone: 'readonly'
      }
    }
  },
  prettier
]);
