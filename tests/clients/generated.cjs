// What a program does with a client that was generated from `GET /schema`: its functions are the schema's links.
'use strict'

const Client = require(process.env.GENERATED)

const [app, created] = process.argv.slice(2)
const client = new Client({ host: process.env.API_URL, token: process.env.API_TOKEN })

async function main () {
  const told = {}
  told.resources = Object.keys(Client.prototype)
  told.email = (await client.account().info()).email
  told.created = (await client.apps().create({ name: created })).name
  told.renamed = (await client.apps(created).update({ name: `${created}2` })).name
  told.deleted = (await client.apps(`${created}2`).delete()).name
  told.config = await client.apps(app).configVars().update({ MARK: 'five' })
  told.release = (await client.apps(app).releases('v3').info()).description
  told.versions = (await client.apps(app).releases().list()).map(release => release.version)
  told.formation = (await client.apps(app).formation('web').update({ quantity: 1 })).quantity
  told.dynos = (await client.apps(app).dynos().list()).map(dyno => dyno.type)
  told.domains = (await client.apps(app).domains().list()).map(domain => domain.hostname)
  try {
    await client.apps(created).info()
  } catch (error) {
    told.absent = [error.statusCode, error.body.id]
  }
  console.log(JSON.stringify(told))
}

main()
