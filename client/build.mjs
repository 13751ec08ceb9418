// Builds the script for the tag (committed with the server, which serves it), the module for npm, and its types.
import { execFileSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "terser";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const common = { bundle: true, target: "es2020", charset: "utf8", logLevel: "warning", legalComments: "none" };

if (process.argv.includes("--tests")) {
  const tests = readdirSync(here("test")).filter((name) => name.endsWith(".test.ts"));
  await build({
    ...common,
    entryPoints: tests.map((name) => here(`test/${name}`)),
    outdir: here(".built/test"),
    outExtension: { ".js": ".mjs" },
    platform: "node",
    format: "esm",
  });
} else {
  const tag = await build({ ...common, entryPoints: [here("src/tag.ts")], format: "iife", write: false });
  // Terser makes it a tenth smaller than esbuild's own minifier.
  const { code } = await minify(tag.outputFiles[0].text, { ecma: 2020, toplevel: true, compress: { passes: 3 } });
  writeFileSync(process.argv[2] ?? here("../proxy/web/static/join-results.js"), `${code}\n`);
  if (!process.argv[2]) {
    await build({ ...common, entryPoints: [here("src/index.ts")], outfile: here("dist/index.js"), format: "esm" });
    const types = ["--declaration", "--emitDeclarationOnly", "--noEmit", "false", "--rootDir", "src", "--outDir", "dist"];
    execFileSync(here("node_modules/.bin/tsc"), ["-p", here("tsconfig.build.json"), ...types], { cwd: here("."), stdio: "inherit" });
  }
}
