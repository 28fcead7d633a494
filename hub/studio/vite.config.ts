import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzip, gzipSync } from "node:zlib";
import { promisify } from "node:util";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const compress = promisify(gzip);
const COMPRESSIBLE = /\.(js|css|html|svg|json)$/;

/** Lay a .gz beside each asset: the hub serves the sibling without compressing anything itself. */
function precompress(): Plugin {
  let folder = "";
  return {
    name: "precompress",
    apply: "build",
    configResolved(config) {
      folder = join(config.root, config.build.outDir);
    },
    async closeBundle() {
      const entries = await readdir(folder, { recursive: true });
      for (const entry of entries.filter((name) => COMPRESSIBLE.test(name))) {
        const body = await readFile(join(folder, entry));
        await writeFile(join(folder, `${entry}.gz`), await compress(body, { level: 9 }));
      }
    },
  };
}

// What a browser loads before it shows the first page, in the longer of the languages.
const FIRST_PAGE = ["src/main.tsx", "src/pages/Overview.tsx", "src/i18n/zh.ts"];
const FIRST_PAGE_GZIP_BYTES_MAX = 200_000;

/** Fails the build when the first page grows too heavy: whatever is not on it loads later. */
function budget(): Plugin {
  return {
    name: "budget",
    apply: "build",
    generateBundle(_options, bundle) {
      const chunks = Object.values(bundle).filter((output) => output.type === "chunk");
      const wanted = chunks.filter((chunk) => FIRST_PAGE.some((path) => chunk.isEntry || chunk.moduleIds.some((id) => id.endsWith(path))));
      const names = new Set<string>();
      const add = (name: string): void => {
        const chunk = bundle[name];
        if (chunk?.type !== "chunk" || names.has(name)) return;
        names.add(name);
        chunk.imports.forEach(add);
      };
      for (const chunk of wanted) add(chunk.fileName);
      const sizes = [...names].map((name) => {
        const chunk = bundle[name];
        return chunk?.type === "chunk" ? gzipSync(chunk.code, { level: 9 }).length : 0;
      });
      const total = sizes.reduce((sum, size) => sum + size, 0);
      if (total > FIRST_PAGE_GZIP_BYTES_MAX) this.error(`the first page loads ${total} bytes of scripts, more than ${FIRST_PAGE_GZIP_BYTES_MAX}`);
      this.info(`the first page loads ${total} bytes of scripts, compressed, in ${names.size} files`);
    },
  };
}

const hub = process.env["CANTOR_HUB_URL"] ?? "http://127.0.0.1:8470";

export default defineConfig({
  plugins: [react(), budget(), precompress()],
  build: {
    outDir: "../edge_hub/static",
    emptyOutDir: true,
    // The hub's policy allows no data: scripts or fonts, so every asset is a file of its own.
    assetsInlineLimit: 0,
    target: "es2022",
  },
  server: { proxy: { "/api": { target: hub, ws: true } } },
});
