import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzip } from "node:zlib";
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

const hub = process.env["CANTOR_HUB_URL"] ?? "http://127.0.0.1:8470";

export default defineConfig({
  plugins: [react(), precompress()],
  build: {
    outDir: "../edge_hub/static",
    emptyOutDir: true,
    // The hub's policy allows no data: scripts or fonts, so every asset is a file of its own.
    assetsInlineLimit: 0,
    target: "es2022",
  },
  server: { proxy: { "/api": { target: hub, ws: true } } },
});
