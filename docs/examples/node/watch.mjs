// Tells every change of every instance, without holes: node watch.mjs COMMAND_ENDPOINT EVENT_ENDPOINT
import { Dealer, Subscriber } from "zeromq";

const [commandEndpoint, eventEndpoint] = process.argv.slice(2);

async function ask(request) {
  const socket = new Dealer({ linger: 0, sendTimeout: 2000, receiveTimeout: 5000 });
  try {
    socket.connect(commandEndpoint);
    await socket.send(["1", JSON.stringify(request)]);
    const [, body] = await socket.receive();
    const answer = JSON.parse(body);
    if (answer.type === "ErrorAnswer") throw new Error(`${answer.code}: ${answer.message}`);
    return answer;
  } finally {
    socket.close();
  }
}

const known = { epoch: "", seq: 0 };

function tell(event) {
  known.seq = event.seq;
  if (event.event === "status_changed")
    console.log(`${event.user_id}: ${event.old} -> ${event.status}: ${event.reason}`);
}

async function beginAnew() {
  const { epoch, head } = await ask({ type: "GetEvents", epoch: "", after: 0 });
  const instances = {};
  for (let after = ""; after !== null; ) {
    const page = await ask({ type: "ListInstances", after });
    Object.assign(instances, page.instances);
    after = page.next;
  }
  Object.assign(known, { epoch, seq: head });
  const told = Object.entries(instances).map(([user, instance]) => `${user} ${instance.status}`);
  console.log(`now: ${told.join(", ") || "no instances"}`);
}

async function catchUp() {
  const missed = await ask({ type: "GetEvents", epoch: known.epoch, after: known.seq });
  if (!missed.complete) return beginAnew();
  missed.events.forEach(tell);
}

const events = new Subscriber();
events.connect(eventEndpoint);
events.subscribe("instance.", "manager.", "hub.");
for await (const [, body] of events) {
  const event = JSON.parse(body);
  const expected = event.event === "heartbeat" ? known.seq : known.seq + 1;
  try {
    if (event.epoch !== known.epoch) await beginAnew();
    else if (event.seq > expected) await catchUp();
    else if (event.seq === expected && event.event !== "heartbeat") tell(event);
  } catch (error) {
    console.error(`${error.message}: trying again at the next heartbeat`);
  }
}
