// What a program does with heroku-client 3, Heroku's library for Node.js: one JSON object of what it was told.
'use strict'

const Heroku = require('heroku-client')

const [app, created] = process.argv.slice(2)
const heroku = new Heroku({ host: process.env.API_URL, token: process.env.API_TOKEN })
const path = `/apps/${app}`

async function refused (asked) {
  try {
    await asked
  } catch (error) {
    return [error.statusCode, error.body.id]
  }
}

async function main () {
  const told = {}
  told.email = (await heroku.get('/account')).email

  told.created = (await heroku.post('/apps', { body: { name: created } })).name
  told.listed = (await heroku.get('/apps')).map(found => found.name)
  told.maintenance = (await heroku.patch(`/apps/${created}`, { body: { maintenance: true } })).maintenance
  told.shown = (await heroku.get(`/apps/${created}`)).maintenance
  told.deleted = (await heroku.delete(`/apps/${created}`)).name

  await heroku.patch(`${path}/config-vars`, { body: { MARK: 'four', OTHER: 'x' } })
  await heroku.patch(`${path}/config-vars`, { body: { OTHER: null } })
  told.config = await heroku.get(`${path}/config-vars`)

  const updates = [{ type: 'worker', quantity: 2 }]
  told.scaled = (await heroku.patch(`${path}/formation`, { body: { updates } })).map(type => [type.type, type.quantity])
  told.worker = (await heroku.get(`${path}/formation/worker`)).quantity
  told.dynos = (await heroku.get(`${path}/dynos`)).map(dyno => dyno.type)
  await heroku.delete(`${path}/dynos`)

  const range = () => ({ Range: 'version ..; max=2, order=desc' })
  told.page = (await heroku.get(`${path}/releases`, { headers: range(), partial: true })).map(release => release.version)
  told.pages = (await heroku.get(`${path}/releases`, { headers: range() })).map(release => release.version)
  told.release = (await heroku.get(`${path}/releases/${told.page[0]}`)).description

  told.absent = await refused(heroku.get(`/apps/${created}`))
  told.invalid = await refused(heroku.post('/apps', { body: { name: 'No Name' } }))
  told.unknown = await refused(heroku.get('/account', { token: 'wrong' }))
  console.log(JSON.stringify(told))
}

main()
