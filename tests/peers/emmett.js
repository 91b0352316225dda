// node emmett.js create | append APPENDS | fold: Emmett through its own client, in the database that libpq's environment names.
import { getPostgreSQLEventStore, readMessagesBatch } from "@event-driven-io/emmett-postgresql";
import { dumbo } from "@event-driven-io/dumbo";
import { draw, fold, randomOf, writers } from "./accounts.js";

const { PGHOST, PGPORT, PGUSER, PGDATABASE } = process.env;
const connectionString = `postgresql://${PGUSER}@localhost:${PGPORT}/${PGDATABASE}?host=${encodeURIComponent(PGHOST)}`;

async function create() {
  const store = getPostgreSQLEventStore(connectionString);
  await store.schema.migrate();
  await store.close();
}

async function append(appends) {
  const store = getPostgreSQLEventStore(connectionString, { schema: { autoMigration: "None" } });
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      const random = randomOf(writer);
      for (let left = appends; left > 0; --left) {
        const { account, messages } = draw(random);
        for (;;) {
          try {
            await store.appendToStream(account, messages);
            break;
          } catch (error) {
            // Another writer was at this stream: it is what the client expects to be tried again.
            if (!/concurrency|version/i.test(`${error?.name} ${error?.message} ${error?.constructor?.name}`)) throw error;
          }
        }
      }
    }),
  );
  await store.close();
}

/// In one batch: the client orders by transaction and position, but goes on by position alone.
async function readAll() {
  const pool = dumbo({ connectionString });
  const { messages } = await readMessagesBatch(pool.execute, { after: 0n, batchSize: 1000000 });
  await pool.close();
  return messages.map(({ type, data, metadata }) => ({ stream: metadata.streamName, type, data }));
}

if (process.argv[2] === "create") await create();
else if (process.argv[2] === "append") await append(Number(process.argv[3]));
else console.log(fold(await readAll()).join("\n"));
