// node message_db.js append APPENDS | fold: message-db through its own functions, in the database that libpq's environment names.
import pg from "pg";
import { draw, fold, randomOf, writers } from "./accounts.js";

async function connect() {
  const client = new pg.Client();
  await client.connect();
  await client.query("SET search_path TO message_store, public");
  return client;
}

async function append(appends) {
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      const client = await connect();
      const random = randomOf(writer);
      for (let left = appends; left > 0; --left) {
        const { account, messages } = draw(random);
        await client.query("BEGIN");
        for (const { type, data } of messages)
          await client.query("SELECT write_message(gen_random_uuid()::varchar, $1, $2, $3)", [
            account,
            type,
            type === "Closed" ? null : JSON.stringify(data),
          ]);
        await client.query("COMMIT");
      }
      await client.end();
    }),
  );
}

async function readAll() {
  const client = await connect();
  const messages = [];
  for (let position = 1; ; ) {
    const { rows } = await client.query("SELECT * FROM get_category_messages('account', $1, 500)", [position]);
    if (rows.length === 0) break;
    for (const row of rows)
      messages.push({ stream: row.stream_name, type: row.type, data: JSON.parse(row.data ?? "{}") });
    position = Number(rows[rows.length - 1].global_position) + 1;
  }
  await client.end();
  return messages;
}

if (process.argv[2] === "append") await append(Number(process.argv[3]));
else console.log(fold(await readAll()).join("\n"));
