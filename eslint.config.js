import comments from '@eslint-community/eslint-plugin-eslint-comments/configs'
import js from '@eslint/js'
import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

const PURE = ['src/model/**', 'src/parse/**', 'src/desired/**', 'src/plan/**', 'src/status/**']
const DASHBOARD = 'src/api/dashboard/**/*.js'
const STATUS_STORE = ['src/status/store*.ts', 'src/status/store/**']

/** A cast overrules the compiler: whoever writes one says why, on its line or on the line above. */
const explainedCast = {
  meta: {
    type: 'suggestion',
    schema: [],
    messages: { explain: 'Explain this cast in a comment on its line or above.' },
  },
  create(context) {
    const commented = new Set()
    for (const comment of context.sourceCode.getAllComments()) {
      for (let line = comment.loc.start.line; line <= comment.loc.end.line; line += 1) commented.add(line)
    }
    return {
      TSAsExpression(node) {
        const { typeAnnotation, loc } = node
        const isConst = typeAnnotation.type === 'TSTypeReference' && typeAnnotation.typeName.name === 'const'
        const lines = [loc.start.line - 1, loc.start.line, loc.end.line]
        if (!isConst && !lines.some((line) => commented.has(line))) context.report({ node, messageId: 'explain' })
      },
    }
  },
}

export default defineConfig(
  globalIgnores(['dist/', '.tap/', 'coverage/', 'test/**/fixtures/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error', reportUnusedInlineConfigs: 'error' } },
  js.configs.recommended,
  comments.recommended,
  {
    rules: {
      eqeqeq: 'error',
      'object-shorthand': 'error',
      'prefer-template': 'error',
      '@eslint-community/eslint-comments/require-description': ['error', { ignore: ['eslint-enable'] }],
      '@eslint-community/eslint-comments/disable-enable-pair': ['error', { allowWholeFile: true }],
    },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { sond: { rules: { 'explained-cast': explainedCast } } },
    rules: {
      'sond/explained-cast': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/consistent-type-definitions': 'off', // unions and mapped types want `type`, ports want `interface`
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { requireDefaultForNonUnion: true }],
      '@typescript-eslint/require-await': 'off', // a port's method is async whether or not the adapter must wait
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'no-console': 'error',
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'no-restricted-syntax': [
        'error',
        {
          selector: ':matches(Program, Program > ExportNamedDeclaration) > VariableDeclaration[kind!="const"]',
          message: 'No module state: keep it in what a factory returns.',
        },
      ],
    },
  },
  { files: ['src/main.ts', 'src/main/**/*.ts', 'src/cli/**/*.ts'], rules: { 'no-console': 'off' } },
  {
    files: PURE,
    ignores: STATUS_STORE,
    rules: {
      'no-restricted-globals': [
        'error',
        ...['process', 'console', 'setTimeout', 'setInterval', 'setImmediate', 'fetch', 'performance'].map((name) => ({
          name,
          message: 'This folder is pure: take what you need as an argument.',
        })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'No clock here: take the time as an argument.' },
        { object: 'Math', property: 'random', message: 'No chance here: the same input gives the same output.' },
        { object: 'crypto', property: 'randomUUID', message: 'No chance here: the same input gives the same output.' },
      ],
    },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts', 'chaos/**/*.ts', 'fuzz/**/*.ts', 'deploy/**/*.ts', 'manifests/**/*.ts'],
    rules: {
      // node-tap queues subtests itself: t.test(...) need not be awaited.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            {
              from: 'package',
              name: ['test', 'before', 'rejects', 'resolves', 'resolveMatch'],
              package: '@tapjs/core',
            },
          ],
          allowForKnownSafePromises: [{ from: 'package', name: 'PromiseWithSubtest', package: '@tapjs/core' }],
        },
      ],
    },
  },
  {
    files: ['**/*.js'],
    ignores: [DASHBOARD],
    languageOptions: { globals: { process: 'readonly' } },
  },
  {
    files: [DASHBOARD],
    languageOptions: {
      globals: Object.fromEntries(
        [
          ...['document', 'fetch', 'location', 'requestAnimationFrame', 'sessionStorage'],
          ...['setInterval', 'setTimeout', 'AbortController', 'TextDecoderStream'],
        ].map((name) => [name, 'readonly']),
      ),
    },
    rules: {
      'no-restricted-syntax': [
        'error',
        ...['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'write'].map((name) => ({
          selector: `MemberExpression[property.name="${name}"]`,
          message: 'What the daemon says is text: elements.js makes elements of it.',
        })),
      ],
    },
  },
)
