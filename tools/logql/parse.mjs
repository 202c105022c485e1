// Parses each LogQL query of the dashboards with Grafana's own grammar.
//   parse.mjs DASHBOARD…   prints each query that is not LogQL, with the place, and fails
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// The packages are under .tools/logql, and not in a folder above this file.
const require = createRequire(`${process.cwd()}/.tools/logql/`);
const { parser } = require("@grafana/lezer-logql");

// What Grafana puts in place of its variables: durations, and a pattern of names.
const variables = { $__interval: "1m", $__range: "1h", $__rate_interval: "4m" };

function filled(query) {
  const known = query.replace(/\$__\w+/g, (name) => variables[name] ?? name);
  return known.replace(/\$\{?[a-z]\w*(:\w+)?\}?/g, ".+");
}

// The place of the first error, in bytes from the start. Null if there is none.
function fault(query) {
  let place = null;
  parser.parse(query).iterate({
    enter(node) {
      if (node.type.isError) place ??= node.from;
    },
  });
  return place;
}

function* queries(value, at) {
  if (value === null || typeof value !== "object") return;
  const isLoki = value.datasource?.type === "loki";
  for (const target of isLoki && Array.isArray(value.targets) ? value.targets : []) {
    yield [`${at}: ${value.title}`, target.expr];
  }
  for (const member of Object.values(value)) yield* queries(member, at);
}

// The grammar itself has to refuse what is not LogQL. It is that of an editor, and so it accepts a
// little more than Loki.
for (const wrong of ["sum(", '{a="b"} | unwrap', "sum_over_time({a=b}[1m])"]) {
  if (fault(wrong) === null) throw new Error(`the grammar accepts ${wrong}`);
}
let parsed = 0;
let failed = 0;
for (const file of process.argv.slice(2)) {
  for (const [place, query] of queries(JSON.parse(readFileSync(file, "utf8")), file)) {
    parsed += 1;
    const wrong = fault(filled(query));
    if (wrong === null) continue;
    failed += 1;
    console.log(`${place}: not LogQL from character ${wrong} on: ${filled(query)}`);
  }
}
console.log(`${parsed} queries of LogQL, ${failed} faults`);
process.exit(parsed === 0 || failed > 0 ? 1 : 0);
