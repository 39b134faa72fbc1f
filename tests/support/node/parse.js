// Reads a JSON list of M expressions, and writes for each what Microsoft's parser says of it: null, or what is wrong.
const { DefaultSettings, TaskUtils } = require("@microsoft/powerquery-parser");

async function main() {
    const said = [];
    for (const text of JSON.parse(require("fs").readFileSync(0, "utf8"))) {
        const task = await TaskUtils.tryLexParse(DefaultSettings, text);
        said.push(TaskUtils.isOk(task) ? null : task.error.message);
    }
    process.stdout.write(JSON.stringify(said));
}

main();
