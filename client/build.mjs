// Builds the script for the tag (committed with the server, which serves it), the module for npm, and its types.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "terser";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const common = { bundle: true, target: "es2021", charset: "utf8", logLevel: "warning", legalComments: "none" };

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
  // Terser makes it a tenth smaller than esbuild's own minifier. Only names that are neither stored nor sent are shortened.
  const ours = /^(endedAt|intact|reached|ticket|told)$/;
  const { code } = await minify(tag.outputFiles[0].text, {
    ecma: 2020,
    toplevel: true,
    compress: { passes: 3, inline: 1, hoist_funs: true },
    mangle: { properties: { regex: ours } },
  });
  writeFileSync(process.argv[2] ?? here("../proxy/web/static/join-results.js"), `${code}\n`);
  if (!process.argv[2]) {
    rmSync(here("dist"), { recursive: true, force: true });
    await build({ ...common, entryPoints: [here("src/index.ts")], outfile: here("dist/index.js"), format: "esm" });
    const types = ["--declaration", "--emitDeclarationOnly", "--noEmit", "false", "--rootDir", "src", "--outDir", ".built/types"];
    execFileSync(here("node_modules/.bin/tsc"), ["-p", here("tsconfig.build.json"), ...types], { cwd: here("."), stdio: "inherit" });
    writeFileSync(here("dist/index.d.ts"), publicTypes());
  }
}

/** The types of src/index.ts as one file: what it takes from others stands in it, and nothing else of theirs. */
function publicTypes() {
  const text = (file) => readFileSync(here(`.built/types/${file}.d.ts`), "utf8");
  return text("index").replace(/^(import|export) \{ (.+) \} from "\.\/(\w+)";\n/gm, (_line, how, names, file) => {
    // Each with its comment; lines that go on with a declaration are indented, or close it.
    const declarations = text(file).match(/(?:^\/\*\*.*\n(?: .*\n)*)?^export .*\n(?:[ }].*\n)*/gm);
    const taken = names.replaceAll("type ", "").split(", ").map((name) => {
      const itself = new RegExp(`^export (declare )?\\w+ ${name}\\b`, "m");
      return declarations.find((one) => itself.test(one)).replace(how === "import" ? /^export /m : "", "");
    });
    return taken.join("");
  });
}
