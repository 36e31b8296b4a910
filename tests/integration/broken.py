"""When dsp is away, restarted, or badly set up: nothing is open meanwhile, all works after."""

import http.client
import threading
import time

from lab import DENIED, Failed, Reply, check, check_refused


def in_background(call):
    """Starts the call in a thread; the result function waits for what it returned."""
    answer = []
    thread = threading.Thread(target=lambda: answer.append(call()))
    thread.start()

    def result():
        thread.join()
        check(answer, 'the request ended without an answer')
        return answer[0]
    return result


def away(lab, report):
    with report.case('dsp ends with status 0 on SIGTERM'):
        check(lab.stop_dsp() == 0, 'another status')
    with report.case('dockerd waits for dsp, and goes on when it is back on its socket'):
        waiting = in_background(lambda: lab.docker('ps'))
        time.sleep(1.2)
        lab.dsp()
        said = waiting()
        check(said.status == 0, said.text)
    with report.case('a killed dsp leaves a stale socket, which the next one replaces'):
        check(lab.stop_dsp('KILL') == 137, 'not killed')
        lab.dsp()
        check(lab.works('ps'), 'no answer')
        check_refused(lab.docker('kill', 'victim').text, 'ALLOW_KILL')
    with report.case('without dsp dockerd refuses everything'):
        lab.stop_dsp()
        asked = [in_background(lambda target=target: lab.raw('GET', target))
                 for target in ('/containers/json', '/info', '/version')]
        asked.append(in_background(lambda: lab.raw('POST', '/containers/victim/kill')))
        for result in asked:
            reply = result()
            check(reply.status == 500, 'status %d: %s' % (reply.status, reply.text))
    lab.dsp()
    with report.case('all works again'):
        check('victim' in lab.works('ps'), 'ps')
        check_refused(lab.docker('exec', 'victim', 'true').text, 'ALLOW_EXEC')
    with report.case('nothing happened to the container'):
        check(lab.running('victim'), 'it does not run')


def restarts(lab, report):
    """Requests while dsp ends and comes back, many times: late or failed, but none let through."""
    ended = threading.Event()
    replies = []

    def knock():
        while not ended.is_set():
            try:
                replies.append(lab.raw('POST', '/containers/victim/exec', body={'Cmd': ['true']}))
            except (OSError, http.client.HTTPException) as why:
                replies.append(Reply(0, str(why)))

    threads = [threading.Thread(target=knock) for _ in range(4)]
    with report.case('exec is refused all through restarts of dsp'):
        for thread in threads:
            thread.start()
        for turn in range(6):
            time.sleep(0.3)
            lab.stop_dsp('KILL' if turn % 2 else 'TERM')
            lab.dsp()
        time.sleep(0.3)
        ended.set()
        for thread in threads:
            thread.join()
        refused = [reply for reply in replies if DENIED in reply.text]
        failed = [reply for reply in replies
                  if reply.status in (0, 500) and DENIED not in reply.text]
        check(len(refused) > 20, 'only %d were refused' % len(refused))
        check(len(refused) + len(failed) == len(replies), 'one was let through')


def bad_settings(lab, report):
    for settings, words in (
            (['ALLOW_EXEK=1'], ['ALLOW_EXEK', 'ALLOW_EXEC']),
            (['ALLOW_EXEC=maybe'], ['ALLOW_EXEC', 'maybe']),
            (['DSP_PROFILE=strict'], ['DSP_PROFILE', 'guard']),
            (['--env-file', '/nonexistent/dsp.env'], ['/nonexistent/dsp.env'])):
        with report.case('%s: status 78 and the reason' % ' '.join(settings)):
            try:
                lab.dsp(*settings)
            except Failed as why:
                check('status 78' in str(why), str(why))
                for word in words:
                    check(word in str(why), 'no word of %s: %s' % (word, why))
            else:
                raise Failed('it serves')
    with report.case('DSP_ON_BROKEN=deny: it serves, and denies with the reason'):
        lab.dsp('ALLOW_EXEK=1', 'DSP_ON_BROKEN=deny')
        for words in 'ps', 'version', 'exec victim true':
            check_refused(lab.docker(*words.split()).text, 'ALLOW_EXEK')
    lab.dsp()
    with report.case('good settings work again'):
        lab.works('ps')


def run(lab, report):
    lab.start_container('victim')
    for part in (away, restarts, bad_settings):
        part(lab, report)
