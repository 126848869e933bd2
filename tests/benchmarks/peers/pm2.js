// Asks PM2 what is read, a line of JSON each, and writes its answers.
const pm2 = require(process.argv[2])
const lines = require("readline").createInterface({ input: process.stdin })

const answer = (error, value) =>
  console.log(JSON.stringify(error ? { error: String(error.message || error) } : { value }))

pm2.connect((error) => {
  answer(error, "connected")
  lines.on("line", (line) => {
    const { call, argument } = JSON.parse(line)
    if (call === "describe") {
      pm2.describe(argument, (wrong, found) => answer(wrong, wrong ? "" : found[0].pm2_env.status))
    } else if (call === "killDaemon") {
      pm2.killDaemon((wrong) => { answer(wrong, "killed"); process.exit(0) })
    } else {
      pm2[call](argument, (wrong) => answer(wrong, "done"))
    }
  })
})
