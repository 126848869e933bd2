// Applied once by every instance's first start, before the operator's own migrations.
//
// It makes the service superuser, whose tokens the manager signs itself: the password is no hash,
// so nobody can ever sign in with one. And it writes the settings that suit an instance behind
// the manager, each of which a later migration or the dashboard may change.
migrate((app) => {
  const text = $os.getenv("PBLM_BOOTSTRAP")
  if (!text) {
    // Without this the migration would be recorded as applied and never run again.
    throw new Error("PBLM_BOOTSTRAP is not set: start this instance by the manager")
  }
  const given = JSON.parse(text)

  const assign = (target, values) => {
    for (const name in values) {
      const value = values[name]
      if (value !== null && typeof value === "object" && !Array.isArray(value)) {
        assign(target[name], value)
      } else {
        target[name] = value
      }
    }
  }
  const settings = app.settings()
  assign(settings, given.settings)
  app.save(settings)

  app.db()
    .newQuery(
      "INSERT OR IGNORE INTO _superusers (id, email, emailVisibility, verified, password, tokenKey, created, updated) " +
        "VALUES ({:id}, {:email}, FALSE, TRUE, '!', {:key}, {:now}, {:now})"
    )
    .bind({
      id: given.superuser.id,
      email: given.superuser.email,
      key: $security.randomString(50),
      now: new DateTime().string(),
    })
    .execute()
}, (app) => {})
