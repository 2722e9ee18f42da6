// Prints what Redocly's recommended rules say of an OpenAPI document, one problem a line.
const { createConfig, lint } = require("@redocly/openapi-core");

async function main() {
  const config = await createConfig({ extends: ["recommended"] });
  const problems = await lint({ ref: process.argv[2], config });
  for (const problem of problems) {
    console.log(`${problem.severity} ${problem.ruleId} ${problem.location[0]?.pointer}: ${problem.message}`);
  }
}

main();
