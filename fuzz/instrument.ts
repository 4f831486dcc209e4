import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

/**
 * Counts how often each block of the code is entered. V8 could tell that too, but a look at its counters takes milliseconds,
 * longer than most inputs run; a counter in the code itself costs nothing to read.
 */
export interface Instrumentation {
  /** Times that each block was entered since somebody last set it to 0. */
  readonly hits: Uint16Array
  /** Blocks so far; grows as modules are loaded. */
  readonly blocks: () => number
  /** Words of the code: what a parser compares its input with is written there. */
  readonly words: ReadonlySet<string>
}

const mostBlocks = 1 << 16
const counters = '__sondFuzzHits'

/** What of a dependency reads input: the YAML parser, the zip reader, the form parser, the tar writer. */
const watched = /\/(?:src|node_modules\/(?:yaml|yauzl|@fastify\/busboy|tar-stream))\/.*\.[cm]?[jt]s$/

type Expression = ts.Expression
type Visit = (node: ts.Node) => ts.Node

const transformer =
  (next: () => number, words: Set<string>): ts.TransformerFactory<ts.SourceFile> =>
  (context) => {
    const { factory } = context
    const count = (): Expression =>
      factory.createPostfixIncrement(
        factory.createElementAccessExpression(factory.createIdentifier(counters), factory.createNumericLiteral(next())),
      )
    const statement = (): ts.Statement => factory.createExpressionStatement(count())
    const counted = (node: Expression): Expression =>
      factory.createParenthesizedExpression(factory.createComma(count(), factory.createParenthesizedExpression(node)))
    /** A body of one statement becomes a block, so that there is a place for the counter. */
    const body = <T extends ts.Statement | undefined>(node: T): T | ts.Block => {
      if (node === undefined) return node
      const statements = ts.isBlock(node) ? node.statements : [node]
      return factory.createBlock([statement(), ...statements], true)
    }
    /** Directives such as 'use strict' stay first. */
    const functionBody = (node: ts.Block): ts.Block => {
      const first = node.statements.findIndex(
        (one) => !(ts.isExpressionStatement(one) && ts.isStringLiteral(one.expression)),
      )
      const at = first < 0 ? node.statements.length : first
      return factory.createBlock([...node.statements.slice(0, at), statement(), ...node.statements.slice(at)], true)
    }
    const entered: Visit = (node) => {
      if (ts.isArrowFunction(node)) {
        const inner = ts.isBlock(node.body) ? functionBody(node.body) : counted(node.body)
        return factory.updateArrowFunction(
          node,
          node.modifiers,
          node.typeParameters,
          node.parameters,
          node.type,
          node.equalsGreaterThanToken,
          inner,
        )
      }
      if (ts.isFunctionDeclaration(node) && node.body !== undefined)
        return factory.updateFunctionDeclaration(
          node,
          node.modifiers,
          node.asteriskToken,
          node.name,
          node.typeParameters,
          node.parameters,
          node.type,
          functionBody(node.body),
        )
      if (ts.isFunctionExpression(node))
        return factory.updateFunctionExpression(
          node,
          node.modifiers,
          node.asteriskToken,
          node.name,
          node.typeParameters,
          node.parameters,
          node.type,
          functionBody(node.body),
        )
      if (ts.isMethodDeclaration(node) && node.body !== undefined)
        return factory.updateMethodDeclaration(
          node,
          node.modifiers,
          node.asteriskToken,
          node.name,
          node.questionToken,
          node.typeParameters,
          node.parameters,
          node.type,
          functionBody(node.body),
        )
      if (ts.isIfStatement(node)) {
        const otherwise = node.elseStatement
        return factory.updateIfStatement(
          node,
          node.expression,
          body(node.thenStatement),
          otherwise === undefined || ts.isIfStatement(otherwise) ? otherwise : body(otherwise),
        )
      }
      if (ts.isConditionalExpression(node))
        return factory.updateConditionalExpression(
          node,
          node.condition,
          node.questionToken,
          counted(node.whenTrue),
          node.colonToken,
          counted(node.whenFalse),
        )
      if (ts.isBinaryExpression(node) && isShortCut(node.operatorToken.kind))
        return factory.updateBinaryExpression(node, node.left, node.operatorToken, counted(node.right))
      if (ts.isCaseClause(node))
        return factory.updateCaseClause(node, node.expression, [statement(), ...node.statements])
      if (ts.isDefaultClause(node)) return factory.updateDefaultClause(node, [statement(), ...node.statements])
      if (ts.isForOfStatement(node))
        return factory.updateForOfStatement(
          node,
          node.awaitModifier,
          node.initializer,
          node.expression,
          body(node.statement),
        )
      if (ts.isForStatement(node))
        return factory.updateForStatement(
          node,
          node.initializer,
          node.condition,
          node.incrementor,
          body(node.statement),
        )
      if (ts.isWhileStatement(node)) return factory.updateWhileStatement(node, node.expression, body(node.statement))
      if (ts.isCatchClause(node))
        return factory.updateCatchClause(
          node,
          node.variableDeclaration,
          factory.createBlock([statement(), ...node.block.statements], true),
        )
      return node
    }
    const visit: Visit = (node) => {
      if (ts.isStringLiteralLike(node) && node.text.length > 1 && node.text.length <= 40) words.add(node.text)
      return ts.isTypeNode(node) ? node : entered(ts.visitEachChild(node, visit, context))
    }
    // A visitor of a source file gives a source file back.
    return (file) => ts.visitNode(file, visit) as ts.SourceFile
  }

const isShortCut = (kind: ts.SyntaxKind): boolean =>
  kind === ts.SyntaxKind.AmpersandAmpersandToken ||
  kind === ts.SyntaxKind.BarBarToken ||
  kind === ts.SyntaxKind.QuestionQuestionToken

/** From now on every module that is loaded counts, where it is one that reads input. */
export const instrument = (): Instrumentation => {
  const hits = new Uint16Array(mostBlocks)
  const words = new Set<string>()
  let blocks = 0
  Object.defineProperty(globalThis, counters, { value: hits })
  const next = (): number => {
    const block = blocks % mostBlocks
    blocks += 1
    return block
  }
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2024,
    module: ts.ModuleKind.Preserve,
    verbatimModuleSyntax: true,
    allowJs: true,
  }
  registerHooks({
    load: (url, context, nextLoad) => {
      const loaded = nextLoad(url, context)
      if (!url.startsWith('file:') || !watched.test(url)) return loaded
      const fileName = fileURLToPath(url)
      const own = new Set<string>()
      const before = [transformer(next, own)]
      const source = ts.transpileModule(readFileSync(fileName, 'utf8'), {
        compilerOptions: options,
        fileName,
        transformers: { before },
      })
      if (fileName.includes('/src/')) for (const word of own) words.add(word)
      const format = loaded.format?.startsWith('module') === true ? 'module' : 'commonjs'
      return { format, source: source.outputText, shortCircuit: true }
    },
  })
  return { hits, blocks: () => Math.min(blocks, mostBlocks), words }
}
